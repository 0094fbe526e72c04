"""The app's name and label."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "callgauge.store"
    label = "store"
