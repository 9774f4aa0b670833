"""Signs people in to JupyterHub by the assertion of guestpass, for as long as their account is open."""

import jwt
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web
from traitlets import Unicode


class AssertionHandler(BaseHandler):
    """The hub's login page: who comes here has an assertion, or does not come from the gateway."""

    async def get(self):
        user = await self.login_user()
        if user is None:
            raise web.HTTPError(403, "Your account is closed.")
        self.redirect(self.get_next_url(user))


class GuestpassAuthenticator(Authenticator):
    """The name is the account that guestpass made. It may come in while it is in the group that guestpass keeps."""

    gateway = Unicode(help="The gateway's own address, the issuer of assertions").tag(config=True)
    audience = Unicode("hub", help="The app's name in guestpass.yaml").tag(config=True)
    allowed_group = Unicode("guestpass-users", help="The setting allowed-group of the target").tag(config=True)
    auto_login = True
    # What it lets in, it has looked up.
    allow_all = True
    # A closed account is noticed on the next request.
    auth_refresh_age = 1
    _keys = None

    def get_handlers(self, app):
        return [("/guestpass", AssertionHandler)]

    def login_url(self, base_url):
        return url_path_join(base_url, "guestpass")

    async def authenticate(self, handler, data=None):
        token = handler.request.headers.get("Guestpass-Assertion", "")
        try:
            key = self.keys().get_signing_key_from_jwt(token)
            claims = jwt.decode(token, key, ["ES256"], audience=self.audience, issuer=self.gateway)
            name = claims["account"] if jwt.get_unverified_header(token)["typ"] == "guestpass+jwt" else None
        except (jwt.PyJWTError, KeyError) as error:
            self.log.warning("not signed in: %s", error)
            return None
        user = handler.find_user(name)
        return name if user and self.is_open(user) else None

    async def refresh_user(self, user, handler=None):
        return self.is_open(user)

    def is_open(self, user):
        return any(group.name == self.allowed_group for group in user.groups)

    def keys(self):
        if self._keys is None:
            self._keys = jwt.PyJWKClient(f"{self.gateway}/.well-known/jwks.json", lifespan=300)
        return self._keys
