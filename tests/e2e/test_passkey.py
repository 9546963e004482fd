"""A passkey is made in the browser, asked for at the door, and opens on its own address alone."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.accounts import FactorKind, SecondFactor
from models.entity import db
from tests.cast import password_of
from tests.e2e.conftest import Street

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def with_authenticator(page: Page) -> Any:
    """A window whose device can keep passkeys."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    made = device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return device, made["authenticatorId"]


def test_a_passkey_opens_the_door(street: Street) -> None:
    here = street.address.replace("127.0.0.1", "localhost")  # a passkey belongs to a name, never to a number
    page = street.window()
    device, number = with_authenticator(page)
    page.goto(f"{here}/sign-in?next=/account/factors/passkey")
    sign_in(page)
    page.get_by_label("设备名称").fill("前台电脑")
    page.get_by_role("button", name="创建通行密钥").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="我已抄好").click()
    db.session.rollback()
    factor = db.session.scalars(select(SecondFactor)).one()
    assert (factor.kind, factor.name) == (FactorKind.PASSKEY, "前台电脑")

    sign_out(page)
    page.goto(f"{here}/sign-in")
    sign_in(page)
    expect(page).to_have_title("登录 · 牡丹")
    page.get_by_role("button", name="使用通行密钥").click()
    expect(page).to_have_url(f"{here}/")

    sign_out(page)
    device.send("WebAuthn.clearCredentials", {"authenticatorId": number})
    page.goto(f"{here}/sign-in")
    sign_in(page)
    page.get_by_role("button", name="使用通行密钥").click()
    expect(page.locator("[data-passkey-fault]")).to_be_visible()


def sign_in(page: Page) -> None:
    page.get_by_label("登录名").fill("owner")
    page.get_by_label("密码").fill(password_of("owner"))
    page.get_by_role("button", name="登录").click()


def sign_out(page: Page) -> None:
    page.locator(".bar-me summary").click()
    page.get_by_role("button", name="退出登录").click()


def test_where_no_passkey_can_be_made_the_page_says_so(street: Street) -> None:
    page = street.window("owner")
    page.goto("/account/factors/passkey")
    expect(page.locator("[data-passkey-absent]")).to_be_visible()
    expect(page.locator("[data-passkey-button]")).to_be_hidden()
