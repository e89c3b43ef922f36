"""Asking for metrics as Prometheus does, and reading the answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

TOKEN = "a-token-for-those-who-scrape"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Scrape:
    samples: list[Sample]
    families: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> "Scrape":
        families = list(text_string_to_metric_families(text))
        samples = [sample for family in families for sample in family.samples]
        return cls(samples, {family.name: family.type for family in families})

    def read(self, name: str, **labels: str) -> float:
        """The sum over all series of that name and those labels; 0 when there is none."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        )


def scrape(client: Client | None = None) -> Scrape:
    answer = (client or Client()).get("/metrics", headers=HEADERS)
    assert answer.status_code == 200
    return Scrape.of(answer.content.decode())
