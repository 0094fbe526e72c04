"""The one Django app with tables; knows no scoring."""
