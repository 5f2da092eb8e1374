"""The shape of the export. It is validated here, so the other modules can rely on the types."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from bbj_assets.errors import ParseError

_BOM = b"\xef\xbb\xbf"


def _without_nul(text: str) -> str:
    return text.replace("\0", "")


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, AfterValidator(_without_nul), AfterValidator(_on_one_line), StringConstraints(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    name: Name
    docu: Text | None = None


class Parameter(_Entry):
    """A parameter; the export omits the type of some."""

    type: Text | None = None


class Member(_Entry):
    """A field, a constructor or a method; only fields have a `type`, only methods have a `returns`."""

    params: tuple[Parameter, ...] = ()
    returns: Text | None = None
    type: Text | None = None


class Class(_Entry):
    """A class with its members in the order of the export; a constructor can also be a method `<init>`."""

    fields: tuple[Member, ...] = ()
    constructors: tuple[Member, ...] = ()
    methods: tuple[Member, ...] = ()


class Package(_Entry):
    """A package: one file of the export."""

    classes: tuple[Class, ...]


def read_package(path: str, raw: bytes) -> Package:
    """Return the package in the bytes of a file, which may start with a byte order mark.

    Raises:
        ParseError: not UTF-8, not JSON, nested too deep, or a value of the wrong type.
    """
    try:
        return Package.model_validate_json(raw.removeprefix(_BOM))
    except ValidationError as error:
        problems = [f"{_json_path(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False)]
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise ParseError(
            f"{path} is not a Javadoc export of BBj: {'; '.join(problems[:3])}{more}. "
            "Export it again, or exclude it from the source."
        ) from None


def _json_path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
