"""A SCIM server of django-scim2 (PyPI): what it knows of SCIM is its own, ours are the tables and the token.

    python people.py PORT TOKEN
"""

import sys
from types import ModuleType
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.db import connection, models
from django.urls import include, path

port, token = int(sys.argv[1]), sys.argv[2]

# An app with models has to have a module.
sys.modules["people"] = ModuleType("people")
sys.modules["people"].__file__ = __file__


class Guestpass:
    is_authenticated = True


def by_token(get_response):
    def answer(request):
        if request.headers.get("authorization") == f"Bearer {token}":
            request.user = Guestpass()
        return get_response(request)

    return answer


sys.modules["people"].by_token = by_token
settings.configure(
    ROOT_URLCONF="people",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["people"],
    MIDDLEWARE=["people.by_token"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SCIM_SERVICE_PROVIDER={
        "USER_MODEL_GETTER": lambda: User,
        "SCHEME": "http",
        "NETLOC": f"127.0.0.1:{port}",
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "A bearer token"}],
    },
)
django.setup()

from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin  # noqa: E402
from django_scim.settings import scim_settings  # noqa: E402


class Group(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        app_label = "people"


class User(AbstractSCIMUserMixin):
    username = models.CharField(max_length=254, unique=True)
    first_name = models.CharField(max_length=150)
    last_name = models.CharField(max_length=150)
    email = models.EmailField()
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    scim_groups = models.ManyToManyField(Group, related_name="user_set")

    class Meta:
        app_label = "people"


scim_settings.GROUP_MODEL = Group
sys.modules["people"].urlpatterns = [path("v2/", include("django_scim.urls"))]
with connection.schema_editor() as editor:
    editor.create_model(Group)
    editor.create_model(User)


class Quiet(WSGIRequestHandler):
    def log_message(self, *said):
        pass


from django.core.wsgi import get_wsgi_application  # noqa: E402

make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet).serve_forever()
