"""The edge: HTTP in, domain values to the flows, bytes out.

edge         the pipeline that every call passes: route, key, body, checks, handler, answer; exchange is what it
             carries, with routing, headers, query, body and replies for its steps
calls        what an operation is, and one call of it
operations   the table of all operations, from purchases, customers, programs, ops
schemas      what callers send (pydantic, strict): sales; customer_schemas, program_schema; fields: single values
identity     references to customers; receipts: shops and terminals; sale_requests: bodies to domain values
answers      the bytes of every answer; sale_answer, customer_answer, sentences, masking beside it
errors       every "no" to its status and problem document; faults: what is wrong with a request, by pointer
openapi      the table as an OpenAPI document; front_page is its description, answers_schema and
             sale_answers_schema its answers
"""
