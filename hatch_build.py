"""What the build adds to a wheel: its bill of materials, in CycloneDX, as PEP 770 wants it."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class BillOfMaterials(BuildHookInterface):  # type: ignore[type-arg]
    """Write what a wheel is and needs into its `sboms/`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have a file of it put into a wheel that is released."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp())
        core = self.metadata.core
        found = bill_of_materials(
            core.name,
            self.metadata.version,
            core.description,
            core.license_expression,
            core.dependencies,
            core.optional_dependencies,
        )
        path = self._folder / f"{core.name}.cdx.json"
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8", newline="\n")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, *_: object) -> None:
        """Remove the file, which is in the wheel now."""
        if version != "editable":
            shutil.rmtree(self._folder)


def bill_of_materials(  # noqa: PLR0913, PLR0917 - the fields of the project
    name: str,
    version: str,
    description: str,
    license_: str,
    dependencies: list[str],
    extras: dict[str, list[str]],
) -> dict[str, Any]:
    """Return the bill of a wheel: nothing of others is in it, so that it lists what it needs.

    It says the same for the same project, whenever and wherever it is built: it has no time, and
    its serial number is made of the name and the version.
    """
    reference = f"pkg:pypi/{canonicalize_name(name)}@{version}"
    needed = [(each, None) for each in dependencies]
    needed += [(each, extra) for extra, those in extras.items() for each in those]
    components: dict[str, dict[str, Any]] = {}
    for requirement, extra in needed:
        component = _component(Requirement(requirement))
        known = components.setdefault(component["bom-ref"], component)
        known["properties"] += [{"name": "python:requirement", "value": requirement}]
        if extra is None:
            known["scope"] = "required"
        else:
            known["properties"] += [{"name": "python:extra", "value": extra}]
    references = sorted(components)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, reference)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": reference,
                "name": name,
                "version": version,
                "description": description,
                "licenses": [{"expression": license_}],
                "purl": reference,
            }
        },
        "components": [components[each] for each in references],
        "dependencies": [
            {"ref": reference, "dependsOn": references},
            *({"ref": each} for each in references),
        ],
    }


def _component(requirement: Requirement) -> dict[str, Any]:
    """Return a requirement as a component, of no version: which one it is the installer decides."""
    name = canonicalize_name(requirement.name)
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "scope": "optional",
        "purl": f"pkg:pypi/{name}",
        "properties": [],
    }
