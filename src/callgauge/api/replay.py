"""What a result was made from, as a file."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape
from callgauge.api.routing import ID, route
from callgauge.flow.replay import file_name, find_result, replay_file


class ResultReplay(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> HttpResponse:
        found = find_result(key_of(request), pk)
        answer = HttpResponse(replay_file(found), content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="{file_name(found)}"'
        answer["Cache-Control"] = "private, no-store"
        return answer


routes = [route(rf"callgauge/v1/results/{ID}/replay", ResultReplay.as_view())]
