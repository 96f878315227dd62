"""The records of a simulated organisation: written by rules, read as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.ids import to_18
from adapters.platforms.salesforce.simulator.errors import Refusal, SeveralMatch, no_such_column
from adapters.platforms.salesforce.simulator.schema import Field, FieldType, ObjectType
from adapters.platforms.salesforce.simulator.values import accepted, wire_moment

Record = dict[str, Json]
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Organisation:
    """Objects, their records, and the clock that stamps them.

    `derive` sets calculated fields of a record before it is stored; `changed` hears of each stored
    write with the record before and after.
    """

    def __init__(self, types: Iterable[ObjectType], clock: Callable[[], datetime]) -> None:
        self.types = {each.name: each for each in types}
        self.clock = clock
        self.derive: Callable[[ObjectType, Record], None] = lambda _type, _record: None
        self.changed: Callable[[ObjectType, Record, Record], None] = lambda *_: None
        self._tables: dict[str, dict[str, Record]] = {name: {} for name in self.types}
        self._last_number = 0

    def type_named(self, name: str) -> ObjectType:
        """Raises Refusal for an object that the organisation has not."""
        found = {each.lower(): each for each in self.types}.get(name.lower())
        if found is None:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        return self.types[found]

    def records(self, name: str, *, with_deleted: bool = False) -> Iterator[Record]:
        for record in list(self._tables[name].values()):
            if with_deleted or not record["IsDeleted"]:
                yield record

    def find(self, name: str, record_id: Json, *, with_deleted: bool = False) -> Record | None:
        record = self._tables[name].get(str(record_id))
        return record if record and (with_deleted or not record["IsDeleted"]) else None

    def get(self, name: str, record_id: str) -> Record:
        """Raises Refusal: a malformed id, a deleted row, or none at all."""
        record = self.find(name, self._well_formed(name, record_id), with_deleted=True)
        if record is None:
            raise Refusal(
                404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible"
            )
        if record["IsDeleted"]:
            raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted")
        return record

    def create(self, name: str, values: Mapping[str, Json], *, as_admin: bool = False) -> str:
        kind = self.types[name]
        accepted_values = self._accepted(kind, values, as_admin)
        required = [each.name for each in kind.fields.values() if each.required]
        absent = [each for each in required if accepted_values.get(each) is None]
        if absent:
            raise Refusal(
                400,
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(absent)}]",
                tuple(absent),
            )
        record = {each.name: _empty(each) for each in kind.fields.values()}
        record |= {"Id": self._new_id(kind.prefix), "CreatedDate": wire_moment(self.clock())}
        return self._store(kind, record, accepted_values)

    def update(
        self, name: str, record_id: str, values: Mapping[str, Json], *, as_admin: bool = False
    ) -> None:
        record = self.get(name, record_id)
        kind = self.types[name]
        self._store(kind, record, self._accepted(kind, values, as_admin))

    def upsert(
        self, name: str, key_field: str, key: str, values: Mapping[str, Json]
    ) -> tuple[str, bool]:
        """Id, and whether it was created. Raises SeveralMatch, or Refusal for a field that is no
        key."""
        field = self.types[name].field_named(key_field)
        if field is None or not field.external_id:
            raise Refusal(
                404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible"
            )
        found = [str(each["Id"]) for each in self.records(name) if each[field.name] == key]
        if len(found) > 1:
            raise SeveralMatch([f"/sobjects/{name}/{each}" for each in found])
        if found:
            self.update(name, found[0], values)
            return found[0], False
        return self.create(name, {**values, field.name: key}), True

    def delete(self, name: str, record_id: str, *, merged_into: str | None = None) -> None:
        """Into the recycle bin; the loser of a merge keeps the winner's id."""
        before = self.get(name, record_id)
        after = {**before, "IsDeleted": True}
        if merged_into is not None:
            after["MasterRecordId"] = to_18(merged_into)
        self._stamp(after)
        self._tables[name][str(after["Id"])] = after
        self.changed(self.types[name], before, after)

    def corrupt(self, name: str, record_id: str, field: str, value: Json) -> None:
        """Store a value that the schema would refuse, as a careless package update does."""
        self.get(name, record_id)[field] = value

    def rename_field(self, name: str, field: str, new_name: str) -> None:
        self.types[name].rename(field, new_name)
        for record in self.records(name, with_deleted=True):
            record[new_name] = record.pop(field)

    def _store(self, kind: ObjectType, record: Record, values: Record) -> str:
        self._require_unique(kind, str(record["Id"]), values)
        after = {**record, **values}
        self.derive(kind, after)
        self._stamp(after)
        self._tables[kind.name][str(record["Id"])] = after
        self.changed(kind, record, after)
        return str(record["Id"])

    def _stamp(self, record: Record) -> None:
        record["LastModifiedDate"] = record["SystemModstamp"] = wire_moment(self.clock())

    def _accepted(self, kind: ObjectType, values: Mapping[str, Json], as_admin: bool) -> Record:
        return {
            field.name: self._resolved(field, accepted(field, value))
            for name, value in values.items()
            for field in [self._writable(kind, name, as_admin)]
        }

    def _writable(self, kind: ObjectType, name: str, as_admin: bool) -> Field:
        field = kind.fields.get(name) if as_admin else kind.field_named(name)
        hidden = name in kind.fields and kind.fields[name].hidden and not as_admin
        if field is not None and not field.calculated:
            return field
        if hidden or field is not None:
            raise Refusal(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {name}. Please check the security settings of "
                "this field and verify that it is read/write for your profile or permission set.",
                (name,),
            )
        raise no_such_column(name, kind.name)

    def _resolved(self, field: Field, value: Json) -> Json:
        """A reference leads to a live record. Raises Refusal."""
        if value is None or not field.reference_to or self.find(field.reference_to, value):
            return value
        raise Refusal(
            400,
            "INVALID_CROSS_REFERENCE_KEY",
            f"invalid cross reference id: {value}",
            (field.name,),
        )

    def _require_unique(self, kind: ObjectType, record_id: str, values: Record) -> None:
        for name in (each.name for each in kind.fields.values() if each.unique):
            for other in self.records(kind.name):
                same = values.get(name) is not None and other[name] == values[name]
                if same and other["Id"] != record_id:
                    raise Refusal(
                        400,
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: "
                        f"{str(other['Id'])[:15]}",
                    )

    def _well_formed(self, name: str, record_id: str) -> str:
        try:
            return to_18(record_id)
        except ValueError as error:
            raise Refusal(
                400, "MALFORMED_ID", f"{name} ID: id value of incorrect type: {record_id[:40]}"
            ) from error

    def _new_id(self, prefix: str) -> str:
        self._last_number += 1
        number, digits = self._last_number, ""
        for _ in range(9):
            number, digit = divmod(number, len(_DIGITS))
            digits = _DIGITS[digit] + digits
        return to_18(f"{prefix}Ab0{digits}")


def _empty(field: Field) -> Json:
    return False if field.type is FieldType.BOOLEAN else None
