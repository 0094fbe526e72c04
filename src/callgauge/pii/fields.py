"""What can be redacted: the names in a request, and what stands in the text instead."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Field(StrEnum):
    """A value of `redact_fields`."""

    PERSON_NAME = "person_name"
    AGE = "age"
    PHONE_NUMBER = "phone_number"
    EMAIL_ADDRESS = "email_address"
    DATE = "date"
    TIME = "time"
    LOCATION = "location"
    ORIGIN = "origin"
    GENDER_SEXUALITY = "gender_sexuality"
    PHYSICAL_ATTRIBUTE = "physical_attribute"
    OCCUPATION = "occupation"
    USERNAME = "username"
    PASSWORD = "password"  # noqa: S105 -- a kind, not a secret
    IP_ADDRESS = "ip_address"
    URL = "url"
    FILENAME = "filename"
    EVENT = "event"
    VEHICLE_ID = "vehicle_id"
    DOB = "dob"
    HEALTHCARE_NUMBER = "healthcare_number"
    MEDICAL_PROFESSIONAL = "medical_professional"
    CREDIT_CARD = "credit_card"
    ACCOUNT_NUMBER = "account_number"
    BANK_ACCOUNT = "bank_account"
    MONEY = "money"
    SSN = "ssn"
    PASSPORT_NUMBER = "passport_number"
    DRIVER_LICENSE = "driver_license"
    NUMERICAL_PII = "numerical_pii"


_SHORT: Final[Mapping[Field, str]] = {
    Field.PERSON_NAME: "PERSON",
    Field.PHONE_NUMBER: "PHONE",
    Field.EMAIL_ADDRESS: "EMAIL",
}

TOKENS: Final[Mapping[Field, str]] = {field: f"<{_SHORT.get(field, field.name)}>" for field in Field}
