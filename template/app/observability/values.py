"""The types of variables: what a value may be, and what is said of any other."""

import ssl
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import NoDecode


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be a URL that starts with http:// or https://")
    return value


def _certificates(value: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
    except OSError:  # of which ssl.SSLError is one
        raise ValueError("must be a readable file of certificates in PEM") from None
    return value


Environment = Literal["development", "test", "staging", "production"]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Milliseconds = Annotated[int, Field(gt=0)]
Protocol = Literal["http/protobuf", "grpc"]
Endpoint = Annotated[str, AfterValidator(_url)]
CertificateFile = Annotated[str, AfterValidator(_certificates)]
Names = Annotated[tuple[str, ...], NoDecode]  # a comma-separated list in the variable
