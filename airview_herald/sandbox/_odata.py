"""The `$filter` of `/compliance/`: the part of OData it needs, compiled to SQL with parameters.

As on the server the whole expression is lower-cased first, string literals included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<mark>[(),])"
    r"|(?P<end>\Z))"
)
_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_CONSTANTS = {"null": None, "true": True, "false": False}
_OPERATORS = {*_COMPARISONS, "and", "or", "not", "in"}
# SQL in which `{0}` and `{1}` stand for the arguments.
_FUNCTIONS = {
    "contains": "(instr({0}, {1}) > 0)",
    "startswith": "(instr({0}, {1}) = 1)",
    "endswith": "(substr({0}, length({0}) - length({1}) + 1) = {1})",
    "tolower": "lower({0})",
    "toupper": "upper({0})",
}
# The server pastes literals into its SQL, where `:name` marks a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


class FilterSyntaxError(Exception):
    """The text is no OData expression."""


class FilterError(Exception):
    """The expression cannot be run against the fields there are."""


class Kind(Enum):
    """The types of PostgreSQL, as far as they decide which values can be compared."""

    TEXT = auto()
    NUMBER = auto()
    FLAG = auto()
    ENUMERATION = auto()
    NULL = auto()
    # A field that does not exist: it equals nothing, not even null.
    NOTHING = auto()


class Sql(NamedTuple):
    """A piece of a statement with its parameters."""

    text: str
    kind: Kind
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class _Literal:
    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    arguments: tuple["_Expression", ...]


@dataclass(frozen=True, slots=True)
class _Comparison:
    operator: str
    left: "_Expression"
    right: "_Expression"


@dataclass(frozen=True, slots=True)
class _Membership:
    member: "_Expression"
    of: tuple["_Expression", ...]


@dataclass(frozen=True, slots=True)
class _Not:
    operand: "_Expression"


@dataclass(frozen=True, slots=True)
class _Junction:
    operator: str
    operands: tuple["_Expression", ...]


_Expression = _Literal | _Name | _Function | _Comparison | _Membership | _Not | _Junction


_NOTHING = Sql("NULL", Kind.NOTHING)
_NO_VALUES = (Kind.ENUMERATION, Kind.NOTHING)


def compile_filter(text: str, fields: Mapping[str, Sql], *, lenient: bool = False) -> Sql:
    """Turn an expression into an SQL condition.

    Args:
        text: The expression as sent.
        fields: The SQL of each field, by lower-case name.
        lenient: Whether to do as SQLite does: what does not exist, and an enumeration beside a
            value, match nothing, and `contains` looks at no case.

    Raises:
        FilterSyntaxError: It cannot be parsed.
        FilterError: It names what does not exist, or compares what PostgreSQL would not.
    """
    try:
        expression = _Parser(text.lower()).parse()
        return _truth(_Compiler(fields, lenient=lenient).compile(expression))
    except RecursionError:
        raise FilterSyntaxError("nested too deeply") from None


class _Parser:
    """Recursive descent, one method per level: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._kind = ""
        self._token = ""
        self._advance()

    def parse(self) -> _Expression:
        expression = self._junction("or")
        if self._kind != "end":
            raise FilterSyntaxError(f"unexpected {self._token}")
        return expression

    def _advance(self) -> str:
        passed = self._token
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise FilterSyntaxError(f"unexpected {self._text[self._position :]}")
        self._position = match.end()
        self._kind = match.lastgroup or ""
        self._token = match[self._kind]
        return passed

    def _skip(self, token: str) -> bool:
        skipped = self._token == token and self._kind in ("word", "mark")
        if skipped:
            self._advance()
        return skipped

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise FilterSyntaxError(f"{token} expected")

    def _junction(self, operator: str) -> _Expression:
        operand = self._negation if operator == "and" else lambda: self._junction("and")
        operands = [operand()]
        while self._skip(operator):
            operands.append(operand())
        return _Junction(operator, tuple(operands)) if len(operands) > 1 else operands[0]

    def _negation(self) -> _Expression:
        return _Not(self._negation()) if self._skip("not") else self._comparison()

    def _comparison(self) -> _Expression:
        left = self._operand()
        if self._skip("in"):
            self._expect("(")
            return _Membership(left, self._list())
        if self._kind == "word" and self._token in _COMPARISONS:
            return _Comparison(self._advance(), left, self._operand())
        return left

    def _list(self) -> tuple[_Expression, ...]:
        elements = [self._junction("or")]
        while self._skip(","):
            elements.append(self._junction("or"))
        self._expect(")")
        return tuple(elements)

    def _operand(self) -> _Expression:
        if self._skip("("):
            expression = self._junction("or")
            self._expect(")")
            return expression
        if self._kind == "text":
            return _Literal(self._advance()[1:-1].replace("''", "'"))
        if self._kind == "number":
            return _Literal(float(self._advance()))
        if self._kind != "word" or self._token in _OPERATORS:
            raise FilterSyntaxError(f"unexpected {self._token or 'end'}")
        word = self._advance()
        if word in _CONSTANTS:
            return _Literal(_CONSTANTS[word])
        return self._function(word) if self._skip("(") else _Name(word)

    def _function(self, name: str) -> _Expression:
        arguments = self._list()
        if name in _FUNCTIONS and len(arguments) != 1 + ("{1}" in _FUNCTIONS[name]):
            raise FilterSyntaxError(f"wrong number of arguments to {name}")
        return _Function(name, arguments)


class _Compiler:
    def __init__(self, fields: Mapping[str, Sql], *, lenient: bool) -> None:
        self._fields = fields
        self._lenient = lenient

    def compile(self, expression: _Expression) -> Sql:  # noqa: PLR0911 - one for each class
        match expression:
            case _Literal():
                return _literal(expression)
            case _Name(name):
                return self._field(name)
            case _Function(name, arguments):
                return self._call(name, [self.compile(argument) for argument in arguments])
            case _Comparison(operator, left, right):
                return self._compare(operator, self.compile(left), self.compile(right))
            case _Membership(member, of):
                equals = [
                    self._compare("eq", self.compile(member), self.compile(each)) for each in of
                ]
                return _join(" OR ", equals)
            case _Not(operand):
                inner = _truth(self.compile(operand))
                return Sql(f"(NOT {inner.text})", Kind.FLAG, inner.parameters)
            case _Junction(operator, operands):
                truths = [_truth(self.compile(operand)) for operand in operands]
                return _join(f" {operator.upper()} ", truths)

    def _field(self, name: str) -> Sql:
        if name in self._fields:
            return self._fields[name]
        if self._lenient:
            return _NOTHING
        raise FilterError(f"no field {name}")

    def _call(self, name: str, arguments: list[Sql]) -> Sql:
        if name not in _FUNCTIONS:
            raise FilterError(f"no function {name}")
        if self._lenient and any(argument.kind in _NO_VALUES for argument in arguments):
            return _NOTHING
        if any(argument.kind not in (Kind.TEXT, Kind.NULL) for argument in arguments):
            raise FilterError(f"{name} takes text")
        template = _FUNCTIONS[name]
        if self._lenient and name == "contains":
            template = "(instr(lower({0}), lower({1})) > 0)"
        order = [int(index) for index in re.findall(r"\{(\d)\}", template)]
        return Sql(
            template.format(*(argument.text for argument in arguments)),
            Kind.FLAG if "{1}" in template else Kind.TEXT,
            tuple(value for index in order for value in arguments[index].parameters),
        )

    def _compare(self, operator: str, left: Sql, right: Sql) -> Sql:
        sign = _COMPARISONS[operator]
        kinds = {left.kind, right.kind}
        if Kind.NOTHING in kinds:
            return _NOTHING
        if Kind.NULL in kinds:
            sign = {"eq": "IS", "ne": "IS NOT"}.get(operator, sign)
        elif Kind.ENUMERATION in kinds:
            if self._lenient:
                return _NOTHING
            raise FilterError("no member of an enumeration is lower case")
        else:
            left, right = _as_number(left, right), _as_number(right, left)
            kinds = {left.kind, right.kind}
            if len(kinds) > 1 and kinds != {Kind.FLAG, Kind.NUMBER}:
                raise FilterError("the sides cannot be compared")
        parameters = left.parameters + right.parameters
        return Sql(f"({left.text} {sign} {right.text})", Kind.FLAG, parameters)


def _literal(literal: _Literal) -> Sql:
    value = literal.value
    if value is None:
        return Sql("NULL", Kind.NULL)
    if isinstance(value, bool):
        return Sql("TRUE" if value else "FALSE", Kind.FLAG)
    if not isinstance(value, str):
        return Sql("?", Kind.NUMBER, (value,))
    # With its quotes, as the server pastes it.
    if _PARAMETER.search(f"'{value}'"):
        raise FilterError("a colon that marks a parameter")
    return Sql("?", Kind.TEXT, (value,))


def _as_number(side: Sql, other: Sql) -> Sql:
    """Read a text literal as PostgreSQL does beside a number."""
    if other.kind is not Kind.NUMBER or side.text != "?" or side.kind is not Kind.TEXT:
        return side
    try:
        return Sql("?", Kind.NUMBER, (int(str(side.parameters[0])),))
    except ValueError:
        raise FilterError("not an integer") from None


def _join(operator: str, conditions: list[Sql]) -> Sql:
    return Sql(
        f"({operator.join(condition.text for condition in conditions)})",
        Kind.FLAG,
        tuple(value for condition in conditions for value in condition.parameters),
    )


def _truth(sql: Sql) -> Sql:
    if sql.kind not in (Kind.FLAG, Kind.NULL, Kind.NOTHING):
        raise FilterError("not a condition")
    return sql
