"""The addresses of the review pages."""

from django.urls import path

from callgauge.web.review import agreement, golden, proposals, queue

BASE = "projects/<int:project_id>/review"
routes = [
    path(BASE, queue.review, name="review"),
    path(f"{BASE}/items/<int:pk>/answer", queue.answer_item, name="review-answer"),
    path(f"{BASE}/items/<int:pk>/skip", queue.skip_item, name="review-skip"),
    path(f"{BASE}/items/<int:pk>/assign", queue.assign_item, name="review-assign"),
    path(f"{BASE}/unskip", queue.unskip, name="review-unskip"),
    path(f"{BASE}/votes/<int:pk>/withdraw", queue.withdraw_vote, name="review-withdraw"),
    path(f"{BASE}/agreement", agreement.agreement, name="review-agreement"),
    path(f"{BASE}/agreement/<int:pk>/second", agreement.ask_second, name="review-second"),
    path(f"{BASE}/agreement/<int:pk>/propose", proposals.propose, name="review-propose"),
    path(f"{BASE}/golden", golden.golden_sets, name="review-golden"),
    path(f"{BASE}/golden/<int:pk>", golden.golden_set, name="review-golden-set"),
    path(f"{BASE}/proposals", proposals.proposals, name="review-proposals"),
    path(f"{BASE}/proposals/<int:pk>", proposals.proposal, name="review-proposal"),
    path(f"{BASE}/proposals/<int:pk>/decide", proposals.decide, name="review-decide"),
]
