"""Pages: `page` and `page_size` in, count, next, previous and results out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

PAGE_SIZE = 20
MAX_PAGE_SIZE = 200
Row = TypeVar("Row", bound=Model)


class Pages(PageNumberPagination):
    """A page that does not exist is 404; a page size that makes no sense is the default one."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def get_next_link(self) -> str | None:
        if self.page is None or not self.page.has_next():
            return None
        return replace_query_param(self._address(), "page", self.page.next_page_number())

    def get_previous_link(self) -> str | None:
        if self.page is None or not self.page.has_previous():
            return None
        number = self.page.previous_page_number()
        if number == 1:
            return remove_query_param(self._address(), "page")
        return replace_query_param(self._address(), "page", number)

    def _address(self) -> str:
        assert self.request is not None
        return address(self.request, self.request.get_full_path())


def address(request: Request, path: str) -> str:
    """A path as clients reach it. Behind a proxy the request does not know that; the setting does."""
    public: str = settings.CALLGAUGE.public_url
    return public.rstrip("/") + path if public else request.build_absolute_uri(path)


def base_url(request: Request) -> str:
    """Where clients reach the server, without the last slash."""
    return address(request, "/").rstrip("/")


def paginated(
    request: Request, rows: QuerySet[Row], present: Callable[[Sequence[Row]], Sequence[Any]]
) -> Response:
    """One page of an ordered queryset, in the contract's envelope."""
    pages = Pages()
    page = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response(list(present(page or [])))
