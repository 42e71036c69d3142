"""A real identity provider (npm's oidc-provider) for tests, and a browser that signs in at it."""
import http.cookiejar
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from streamspace import ROOT

HERE = os.path.join(ROOT, "tests", "oidc")
SECRET = "a secret with spaces & signs: %"


def install():
    """Its packages, where they are not there or older than their list."""
    stamp = os.path.join(HERE, "node_modules", ".package-lock.json")
    if not os.path.exists(stamp) or os.path.getmtime(stamp) < os.path.getmtime(os.path.join(HERE, "package-lock.json")):
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True,
                       timeout=300)
        os.utime(stamp)


class Provider:
    def __init__(self, algorithm, redirect_uri):
        install()
        self.child = subprocess.Popen([shutil.which("node"), "provider.mjs", algorithm, redirect_uri], cwd=HERE, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.issuer = self.child.stdout.readline().strip()
        if not self.issuer.startswith("http"):
            raise AssertionError(f"the identity provider did not start: {self.issuer!r} {self.child.stdout.read()}")

    def close(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            self.child.wait(10)
        self.child.stdout.close()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Cookies and single steps; follows nothing by itself."""

    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay,
                                                  urllib.request.HTTPCookieProcessor(self.jar))

    def step(self, url, form=None):
        """(status, Location made absolute or None, text)"""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            answer = self.opener.open(urllib.request.Request(url, data), timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            location = answer.headers.get("Location")
            return answer.status, urllib.parse.urljoin(url, location) if location else None, answer.read().decode()

    def cookies(self):
        return {cookie.name: cookie.value for cookie in self.jar}

    def sign_in(self, begin, person, stop_at, refuse=False):
        """From `begin` through the provider's forms up to a URL that starts with `stop_at`, which is returned unvisited."""
        url, form = begin, None
        for _ in range(20):
            if url.startswith(stop_at):
                return url
            status, location, text = self.step(url, form)
            form = None
            if location:
                url = location
                continue
            assert status == 200, f"{status} at {url}: {text[:2000]}"
            action = re.search(r'action="([^"]+)"', text)
            prompt = re.search(r'name="prompt" value="(\w+)"', text)
            assert action and prompt, f"no form at {url}: {text[:2000]}"
            if refuse:
                url = urllib.parse.urljoin(url, re.search(r'href="([^"]*abort)"', text).group(1))
                continue
            url = urllib.parse.urljoin(url, action.group(1))
            form = {"prompt": prompt.group(1)}
            if prompt.group(1) == "login":
                form.update(login=person, password="any")
        raise AssertionError(f"no end of redirects, last {url}")
