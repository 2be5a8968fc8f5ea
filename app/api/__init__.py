"""The edge: HTTP in, domain values to the flows, bytes out.

edge         the pipeline that every call passes: route, key, body, checks, handler, answer
calls        what an operation is, and one call of it
operations   the table of all operations, from purchases, customers, programs, ops
schemas      what callers send (pydantic, strict); `customer_schemas`, `fields` beside it
answers      the bytes of every answer; `sale_answer`, `customer_answer`, `sentences` beside it
errors       every "no" to its status and problem document
openapi      the table as an OpenAPI document; `front_page` is its description, `answers_schema` its answers
"""
