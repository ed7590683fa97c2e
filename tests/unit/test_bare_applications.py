from types import SimpleNamespace

from airview_herald.airview import Application, ApplicationType, RecordedApplication
from airview_herald.airview._applications import BareApplications, _Doubt
from airview_herald.airview._notes import Notes

SHOP = Application("Shop", "shop")


async def test_what_is_made_while_the_list_is_on_its_way_contradicts_nothing():
    """White box: another task's application is not in the list, for it is newer than that.

    Taken for lost by the server, it would have the application in doubt made twice.
    """
    bare = BareApplications()
    bare._doubts[SHOP.reference] = _Doubt(above=5, until=0.0)

    async def get_applications(kind):
        bare._watermark.made(kind, 9, 1.0)
        return [RecordedApplication(7, SHOP.name, kind)]

    async def get_application_environments(identifier):
        return []

    async def wait_until(when, operation):
        pass

    asker = SimpleNamespace(
        backend=SimpleNamespace(
            get_applications=get_applications,
            get_application_environments=get_application_environments,
        ),
        sender=SimpleNamespace(transport=SimpleNamespace(wait_until=wait_until)),
        operation=None,
        notes=Notes(),
    )
    found = await bare._settle(asker, SHOP)
    assert found is not None
    assert (found.id, found.type) == (7, ApplicationType.BUSINESS_APPLICATION)
