"""From an OpenAPI document to a first scenario."""
