"""A shop with a login.  uvicorn service:app --port 8000"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

PASSWORD = "correct horse"

app = FastAPI(title="Shop")
sessions: dict[str, str] = {}
orders: dict[str, list[Order]] = {}


class Credentials(BaseModel):
    customer: str
    password: str


class Item(BaseModel):
    article: int = Field(ge=1)
    quantity: int = Field(ge=1)


class Order(Item):
    id: int


async def customer(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    if bearer.credentials not in sessions:
        raise HTTPException(401, "log in first")
    return sessions[bearer.credentials]


Customer = Annotated[str, Depends(customer)]


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/login")
async def login(credentials: Credentials) -> dict[str, str]:
    if credentials.password != PASSWORD:
        raise HTTPException(401, "wrong password")
    token = secrets.token_hex(16)
    sessions[token] = credentials.customer
    return {"token": token}


@app.get("/orders")
async def list_orders(name: Customer) -> list[Order]:
    return orders.get(name, [])[-20:]


@app.post("/orders", status_code=201)
async def place_order(item: Item, name: Customer) -> Order:
    placed = orders.setdefault(name, [])
    placed.append(Order(id=len(placed), **item.model_dump()))
    return placed[-1]


@app.get("/orders/{number}")
async def one_order(number: int, name: Customer) -> Order:
    placed = orders.get(name, [])
    if not 0 <= number < len(placed):
        raise HTTPException(404, "no such order")
    return placed[number]
