from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "callgauge.web"
    label = "web"
