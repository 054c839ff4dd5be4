"""Places of a request where a credential may stand; each takes the credential as `CANARY`."""

import base64
from urllib.parse import quote

HEADERS = (
    "Authorization: Bearer CANARY",
    "Authorization: Basic CANARY",
    "Authorization: CANARY",
    "Proxy-Authorization: Basic CANARY",
    "api-key: CANARY",
    "x-api-key: CANARY",
    "Cookie: session=CANARY",
    "OpenAI-Organization: CANARY",
    "OpenAI-Project: CANARY",
    "subscription-key: CANARY",
    "Ocp-Apim-Subscription-Key: CANARY",
    "X-Functions-Key: CANARY",
    "Helicone-Auth: Bearer CANARY",
    "X-Tenant-Key: CANARY",
    "x-signature: CANARY",
    "X-Goog-Iap-Jwt-Assertion: CANARY",
    "Sec-WebSocket-Protocol: key.CANARY",
    "Referer: https://h/?code=CANARY",
    "X-Next-Year: CANARY",
    "x-stainless-api-key: CANARY",
    "X-Forwarded-User: masked-CANARY",
)  # fmt: skip
QUERIES = (
    "api-key=CANARY",
    "key=CANARY",
    "code=CANARY",
    "id_token=CANARY",
    "sig=CANARY",
    "CANARY",
    "a%70i-key=CANARY",
    "k=1&k=CANARY",
    "stream=true;x=CANARY",
    "api-version=1?key=CANARY",
    "%6Bey=CANARY",
    "X-Amz-Credential=CANARY",
    "api-version=1&&unknown[]=CANARY",
    "key=%EF%BB%BFCANARY",
)  # fmt: skip
CLEAN_DOCUMENTS = (
    '{"api_key": "CANARY"}',
    '{"metadata": {"clientSecret": "CANARY"}}',
    '{"metadata": {"DB-PASSWORD": ["a", {"b": "CANARY"}]}}',
    '{"connectionString": "Endpoint=sb://h;Key=CANARY;Name=n"}',
    '{"private.key": "CANARY"}',
    '{"\\u0061pi_key": "CANARY"}',
    '{"env": [{"value": "CANARY", "name": "API_KEY"}]}',
    '{"input": [{"arguments": "{\\"password\\": \\"CANARY\\"}"}]}',
    '{"tools": [{"type": "mcp", "headers": {"X-Any": "CANARY"}}]}',
    '{"tools": [{"headers": [["X-Any", "CANARY"]]}]}',
    '{"tools": [{"type": "MCP", "headers": [{"name": "X-Any", "value": "CANARY"}]}]}',
    '{"tools": [{"server_url": "https://h/?unknown=CANARY"}]}',
    '{"tools": [{"server_url": "https://h/#CANARY"}]}',
    '{"tools": [{"server_url": "https://u:CANARY@h/"}]}',
    '{"tools": [{"server_url": "https://u:p/CANARY@h/"}]}',
    '{"tools": [{"authorization": "CANARY"}]}',
    '{"response": {"tools": [{"authorization": "Bearer CANARY"}]}}',
    '{"parameters": {"properties": {"password": {"default": "CANARY"}}}}',
    '{"parameters": {"properties": {"password": {"type": "CANARY"}}}}',
    '{"parameters": {"properties": {"password": {"enum": ["CANARY"]}}}}',
    '{"properties": {"password": "CANARY"}}',
    '{"properties": {"headers": {"X-Any": "CANARY"}}}',
    '{"password": "masked-0123456789abcdef CANARY"}',
    '{"token": "CANARY"}',
)  # fmt: skip
BROKEN_DOCUMENTS = (
    '{"api_key": "CANARY", "api_key": ""}',
    '{"api_key": "CANARY",}',
    '{"model": "m"}\n{"api_key": "CANARY"}\n',
    '{"api_key": "CANARY',
    f'{"[" * 3000}{{"api_key": "CANARY"}}{"]" * 3000}',
    '{"a": NaN, "password": "CANARY"}',
    '{/* c */ "password": "CANARY"}',
    "{'password': 'CANARY'}",
    "{password: CANARY, model: m}",
    "{'api-key': b'CANARY'}",
    '{"credentials": {"u": "CANARY"},}',
    '{"credentials": {"u": ["CANARY',
    '{"tools": [{"headers": {"X-Any": "CANARY"}}],}',
    '{"password": "a"CANARY", "model": "m"}',
    '{"\\u0070assword": "CANARY",}',
    '{"arguments": "{\\"password\\": \\"CANARY\\"}",}',
    '{"server_url": "https://h/?x=CANARY",}',
    '{"server_url": "https:\\/\\/h\\/?x=CANARY",}',
    "password: a,CANARY",
    "password: |\n  CANARY\nmodel: m\n",
    'password = """a\nCANARY"""',
    "X-Api-Key: CANARY\r\n\r\n{}",
    "<password>CANARY</password>",
    "password=null;api_key=CANARY",
    "connection_string=Endpoint=x;Key=CANARY",
    'data: {"password": "CANARY"}\n\n',
    '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nCANARY\r\n--b--\r\n',
    '{"a": "{\\"b\\": \\"{\\\\\\"password\\\\\\": \\\\\\"CANARY\\\\\\"}\\"}",}',
)  # fmt: skip
FORMS = ("model=m&api%5Fkey=CANARY", "model=m;code=CANARY", "a=1&code=CANARY\n")
"""Bodies that are a form and nothing else."""
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


def forms_of(canary: str) -> list[bytes]:
    """The ways in which a file could have it."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in canary)
    texts = [canary, escaped, quote(canary, safe=""), "".join(f"%{ord(letter):02X}" for letter in canary)]
    plain = [text.encode(encoding) for text in texts for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")]
    # Base64 of it at any offset: without the ends, which depend on what stands around.
    return plain + [base64.b64encode(b"\0" * offset + canary.encode())[4:-4] for offset in range(3)]
