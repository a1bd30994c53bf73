"""Sentences about Docker networking, each with a pure check of typed facts."""

from hostonly.claims.claim import Claim, ClaimResult, Judgement, Verdict, claim, worst

__all__ = ["Claim", "ClaimResult", "Judgement", "Verdict", "claim", "worst"]
