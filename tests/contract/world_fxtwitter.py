"""FxTwitter's world for the contract suite: its API on loopback, with an author of threads of five posts."""

from bot.http import Http
from bot.sources.fxtwitter import FxTwitter
from tests.servers.fxtwitter import LOUD, Api, thread
from tests.sites import Clock


class FxTwitterWorld:
    """What `World` asks for, but for the base class, which the suite adds."""

    says_nothing_new = True
    many: int
    clock: Clock
    http: Http
    same_author = (
        "polarpetra",
        "https://x.com/POLARPETRA",
        "https://mobile.twitter.com/PolarPetra/status/1415051905190047746?s=20",
        "https://fxtwitter.com/polarpetra/",
        "fixupx.com/PolarPetra/status/1415051905190047746/en",
        "https://api.fxtwitter.com/2/profile/PolarPetra/statuses?count=5",
        "fxtwitter:PolarPetra",
    )

    def reader(self, base_url: str) -> FxTwitter:
        return FxTwitter(self.http, clock=self.clock, base_url=base_url or "https://api.fxtwitter.com")

    async def start(self) -> None:
        self.site = Api()
        for number in range(self.many):
            self.site.say(*thread(60 * number, f"Thread {number}.", "Two.", "Three.", "Four.", "Five."))
            self.site.say(*thread(60 * number, "Loud.", "Louder.", writer=LOUD))
        await self.site.start()
        self.source = self.reader(self.site.base_url)

    async def stop(self) -> None:
        await self.site.stop()
        await self.http.close()

    def publish(self) -> str:
        self.clock.passes(hours=1)
        return self.site.say(*thread(60 * self.many, "New.", "And more."))
