"""Prices, and quotes for a quantity.  uvicorn service:app --port 8000"""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

PRICES = {number: 1.0 + number / 4 for number in range(1, 51)}

app = FastAPI(title="Prices")


class Wanted(BaseModel):
    article: int
    quantity: int = Field(ge=1)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/prices/{article}")
async def price(article: int) -> dict[str, float]:
    if article not in PRICES:
        raise HTTPException(404, "no such article")
    return {"price": PRICES[article]}


@app.post("/quotes")
async def quote(wanted: Wanted) -> dict[str, float]:
    return {"total": wanted.quantity * (await price(wanted.article))["price"]}
