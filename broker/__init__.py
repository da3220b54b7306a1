"""The Django project and the wire; knows no astronomy."""
