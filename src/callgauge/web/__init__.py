"""The pages: presenters, templates and what is served beside them."""
