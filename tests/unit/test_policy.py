"""What was said of notices, put together: which policies bring an author's threads to a channel."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.hours import Digest, QuietHours
from bot.model import EVERY_CHANNEL, Subscription
from bot.policy import GROWTH_DAILY, Policies, Policy, Rule, remarks

ANN = "threadreader:ann"
DAILY = Digest.parse("daily 08:00")
OWN = Policy(min_posts=2, digest=DAILY)
SHORT = Rule(addresses=("@ann",), feed_ids=frozenset([ANN]), said={"summary": "preview"})
CYBER = Rule(addresses=("@ann",), feed_ids=frozenset([ANN]), channels=("team",), said={"include": ("cyber",)})


def declared(channel: str = EVERY_CHANNEL, address: str = "@ann", feed_id: str = ANN) -> Subscription:
    return Subscription(feed_id=feed_id, channel=channel, origin="settings", declared=address)


def followed(channel: str = EVERY_CHANNEL) -> Subscription:
    return Subscription(feed_id=ANN, channel=channel, origin="follow")


def of(channel: str, *subscriptions: Subscription, rules: tuple[Rule, ...] = (SHORT, CYBER)) -> tuple[Policy, ...]:
    return Policies(channels={"team": OWN}, rules=rules).of(ANN, channel, subscriptions)


# -- which policies -----------------------------------------------------------------------------------------


def test_without_a_subscription_there_is_no_policy():
    """Neither one of somebody else nor one to another channel leads there."""
    assert of("team", declared("mail"), declared(feed_id="threadreader:bob")) == ()


@pytest.mark.parametrize("channel", ["team", EVERY_CHANNEL])
def test_an_author_followed_by_hand_goes_by_the_channel_s_own(channel):
    """What [[follow]] says of the same author does not count for it."""
    assert of("team", followed(channel)) == (OWN,)


def test_a_channel_that_is_not_known_goes_by_the_default():
    """Its settings are gone, or it says nothing."""
    assert Policies(default=Policy(budget=80)).of(ANN, "old", [followed()]) == (Policy(budget=80),)


def test_a_rule_counts_over_the_channel():
    """What the rule says is as it says; the rest is as the channel says."""
    assert of("team", declared(), rules=(SHORT,)) == (Policy(min_posts=2, digest=DAILY, summary="preview"),)


def test_a_rule_may_undo_what_the_channel_says():
    """`digest = "off"` in [[follow]] is a digest of None."""
    undo = Rule(addresses=("@ann",), feed_ids=frozenset([ANN]), said={"digest": None, "min_posts": 0})

    assert of("team", declared(), rules=(undo,)) == (Policy(),)


def test_every_rule_that_matches_counts_in_order():
    """Two [[follow]] of one author are two policies, by whichever subscription they come."""
    both = (
        Policy(min_posts=2, digest=DAILY, summary="preview"),
        Policy(min_posts=2, digest=DAILY, include=("cyber",)),
    )

    assert of("team", declared()) == both
    assert of("team", declared(), declared("team")) == both


def test_a_rule_leads_to_its_own_channels_only():
    """The rule for the team is none for the mail."""
    assert of("mail", declared()) == (Policy(summary="preview"),)


def test_rules_that_come_to_the_same_count_once():
    """Two ways to one policy are one notice."""
    assert len(of("team", declared(), rules=(SHORT, SHORT))) == 1
    assert of("team", followed(), declared(), rules=()) == (OWN,)


def test_by_hand_and_by_settings_both_count():
    """The author was followed by a command, and stands in the file."""
    assert of("team", followed("team"), declared(), rules=(SHORT,)) == (OWN, SHORT.over(OWN))


def test_a_rule_is_found_by_its_address_where_only_a_site_knows_the_author():
    """A thread's URL names no author offline; the subscription remembers how it was spelled."""
    url = "https://threadreaderapp.com/thread/1.html"
    rule = Rule(addresses=(url,), said={"min_posts": 5})

    assert of("team", declared(address=url), rules=(rule,)) == (Policy(min_posts=5, digest=DAILY),)


def test_a_subscription_that_no_rule_accounts_for_goes_by_the_channel_s_own():
    """The settings changed and the store does not follow them yet: rather one notice too many."""
    elsewhere = Rule(addresses=("@ann",), feed_ids=frozenset([ANN]), channels=("mail",), said={"events": frozenset()})

    assert of("team", declared(), rules=()) == (OWN,)
    assert of("team", declared(), rules=(elsewhere,)) == (OWN,)


@pytest.mark.parametrize(
    ("everywhere", "said", "kept"),
    [
        *((False, (None,), False), (True, (None,), True), (True, (False,), False), (False, (True,), True)),
        *((False, (False, True), True), (True, (False, None), False)),
    ],
)
def test_media_are_kept_as_the_author_s_rules_say(everywhere, said, kept):
    """A rule counts over what is said on top; where two differ, media are kept."""
    rules = tuple(Rule(addresses=("@ann",), feed_ids=frozenset([ANN]), archive_media=one) for one in said)

    assert Policies(rules=rules, archive_media=everywhere).keeps_media(ANN, [declared()]) == kept
    assert Policies(rules=rules, archive_media=everywhere).keeps_media(ANN, [followed()]) == everywhere


# -- what goes with a digest --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "new", "grown"),
    [
        (Policy(), None, None),
        (Policy(digest=DAILY), DAILY, DAILY),
        (Policy(updates="digest"), None, GROWTH_DAILY),
        (Policy(updates="digest", digest=Digest.parse("hourly")), Digest.parse("hourly"), Digest.parse("hourly")),
    ],
)
def test_what_is_gathered(policy, new, grown):
    """All goes with the digest; growth that is to be gathered, once a day where there is no digest."""
    assert (policy.gathered("new"), policy.gathered("gone"), policy.gathered("grown")) == (new, new, grown)


# -- remarks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"include": ("a", "/b/"), "exclude": ("/b/",)}, "/b/ stands in include and in exclude: no thread"),
        ({"languages": ("en", "vo")}, 'languages: "vo" cannot be recognised'),
        ({"summary": "full", "budget": 300}, 'budget counts for summary = "highlights" only, not for "full"'),
        ({"updates": "now", "digest": DAILY}, 'updates = "now" beside digest = "daily 08:00": growth goes with the'),
        ({"updates": "digest"}, 'updates = "digest" without a digest: growth is gathered and goes out "daily 08:00"'),
        ({"updates": "now", "events": frozenset(["new"])}, 'updates = "now", but events leaves "grown" out'),
        (
            {"digest": DAILY, "quiet_hours": QuietHours.parse("22:00-09:00")},
            'digest = "daily 08:00" lies in quiet_hours = "22:00-09:00": it waits until they end, at 09:00',
        ),
    ],
)
def test_what_makes_little_sense_is_remarked_on(said, told):
    """With what happens then; but only where it was said."""
    policy = Policy(**said)
    (remark,) = remarks(policy, said, {"en", "fr"})

    assert told in remark
    assert list(remarks(policy, (), {"en", "fr"})) == []


def test_what_makes_sense_is_passed_over():
    """A digest after the quiet hours, and one each hour; languages where nobody knows which can be recognised."""
    quiet = QuietHours.parse("22:00-08:00")
    for digest in (DAILY, Digest.parse("hourly")):
        said = {"digest": digest, "quiet_hours": quiet, "languages": ("vo",), "settle": timedelta(minutes=1)}

        assert list(remarks(Policy(**said), said)) == []
