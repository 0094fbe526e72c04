"""A page to read the API's contract and try it: Swagger UI, served by ourselves, without the network."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path


def contract(request: HttpRequest) -> HttpResponse:
    """Nothing in it is anybody's: it needs no sign-in."""
    return render(request, "web/contract.html")


routes = [path("docs", contract, name="contract"), path("docs/", contract)]
