"""Staff's pages of accounts: they show and act; they never edit a row."""

from accounts.admin import credentials, drift, filters, people, records, staff, staff_tokens

__all__ = ["credentials", "drift", "filters", "people", "records", "staff", "staff_tokens"]
