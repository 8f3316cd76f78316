"""What an HTTP API promises, in the words of OpenAPI: made of the routes themselves, so that it is never out of date."""

from beamloom.openapi.document import document
from beamloom.openapi.pages import with_document
from beamloom.openapi.routes import ENDLESS, Refused, Told, Value

__all__ = ["ENDLESS", "Refused", "Told", "Value", "document", "with_document"]
