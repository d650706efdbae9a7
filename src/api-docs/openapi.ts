import type { Hono } from 'hono'
import * as z from 'zod'
import type { Env } from '../http/context.ts'
import { type Access, ADMITS } from '../http/middleware/authorize.ts'
import { EXPECTS, type Expectation } from '../http/payload.ts'
import type { RefusalCode } from '../ledger/command.ts'
import { type Fallible, failures } from './failures.ts'
import { OPERATIONS, type Operation, TAGS } from './operations.ts'
import * as answers from './responses.ts'
import { webhookDelivery, webhookRequests } from './webhook-delivery.ts'

type Json = Record<string, unknown>

/** Schemas and examples that routes share, by name. */
interface Components {
  schemas: Json
  examples: Json
}

/** One route of the app, with the metadata of its guard and its validators. */
export interface Route {
  /** `POST /transactions/topup/:id/cancel` */
  name: string
  method: string
  path: string
  /** Undefined: anyone. */
  access: Access | undefined
  expects: Expectation[]
}

/** The app's routes, each once. Middlewares that serve many paths are left out. */
export function routesOf(app: Pick<Hono<Env>, 'routes'>): Route[] {
  const routes = new Map<string, Route>()
  for (const { method, path, handler } of app.routes) {
    if (method === 'ALL') continue
    const name = `${method} ${path}`
    const route = routes.get(name) ?? { name, method, path, access: undefined, expects: [] }
    routes.set(name, route)
    if (ADMITS in handler) route.access = handler[ADMITS] as Access
    if (EXPECTS in handler) route.expects.push(handler[EXPECTS] as Expectation)
  }
  return [...routes.values()]
}

/** Routes that are not part of the API, or that asyncapi.json describes. */
export const APART: ReadonlySet<string> = new Set([
  'GET /openapi.json',
  'GET /asyncapi.json',
  'GET /docs',
  'GET /metrics',
  'GET /balance/stream',
  'GET /service/stream',
  'GET /admin/stream',
  // The pages, and the demo sign-in that they offer on the developer's own machine.
  'GET /',
  'GET /admin',
  'GET /sign-in',
  'GET /session.json',
  'GET /assets/:name',
  'GET /worker.js',
  'GET /manifest.webmanifest',
  'POST /demo/session',
])

/**
 * The OpenAPI 3.1 document of these routes.
 * @throws Error for a route that `OPERATIONS` does not describe
 */
export function openApi(routes: readonly Route[], version: string): Json {
  const components: Components = { schemas: {}, examples: {} }
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const operation = OPERATIONS[route.name]
    if (!operation && APART.has(route.name)) continue
    if (!operation) throw new Error(`${route.name} is not described in OPERATIONS`)
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = describe(route, operation, components)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Livebalance',
      version,
      summary: 'Balances that are right, and on the screen while they change.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: TAGS.map((name) => ({ name })),
    paths,
    webhooks: webhookRequests(jsonSchema(webhookDelivery, 'output', components.schemas)),
    components: {
      ...components,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'In the Authorization header, at most 12,288 characters. `sub` is the user id. `exp` is required. `roles`, or `role`, may name `admin`, `service` and `operator`. `tenant` defaults to `default`. `jti` has at most 512 characters. An API key (`lb_live_…`) can take its place.',
        },
      },
    },
  }
}

function describe(
  route: Route,
  operation: Operation & { tag: string },
  components: Components,
): Json {
  const { schemas } = components
  const { access, expects } = route
  // A payment provider sends no key: its events have an id.
  const writes = access !== undefined && (route.method === 'POST' || route.method === 'PATCH')
  const body = expects.find(({ target }) => target === 'json')?.schema
  const role = access === 'user' || access === undefined ? '' : ` Requires the role ${access}.`
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...((operation.description || role) && {
      description: `${operation.description ?? ''}${role}`.trim(),
    }),
    security: access ? [{ bearer: [] }] : [],
    parameters: [
      ...expects.flatMap(({ target, schema }) =>
        target === 'json' ? [] : parameters(schema, target, schemas),
      ),
      ...(writes ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(body && {
      requestBody: {
        required: !body.safeParse({}).success,
        content: { 'application/json': { schema: jsonSchema(body, 'input', schemas) } },
      },
    }),
    responses: responses(
      operation,
      {
        access,
        body: body !== undefined,
        writes,
        reads: route.method === 'GET',
        fields: expects.flatMap(({ schema }) => codesOf(schema)),
      },
      components,
    ),
  }
}

/** The error codes that fields of a schema set, such as `invalid_amount`. */
function codesOf(schema: z.ZodType): RefusalCode[] {
  const { shape = {} } = schema as { shape?: Record<string, z.ZodType> }
  return Object.values(shape).flatMap((field) => {
    const issue = field.safeParse('?').error?.issues[0]
    const code = issue?.code === 'custom' ? issue.params?.code : undefined
    return code === undefined ? [] : [code as RefusalCode]
  })
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'The same request with the same key gets the first answer again, refusals included, and nothing is done twice. A key belongs to its caller.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' },
}

function parameters(schema: z.ZodType, target: 'query' | 'param', components: Json): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input', components) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, examples, ...rest }]) => ({
    name,
    in: target === 'param' ? 'path' : 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    // `metadata[orderId]=A-1001`
    ...(rest.type === 'object' && { style: 'deepObject', explode: true }),
    schema: { ...rest, ...(examples !== undefined && { examples }) },
  }))
}

function responses(operation: Operation, has: Fallible, { schemas, examples }: Components): Json {
  const {
    success: [status, body],
  } = operation
  const content =
    body instanceof z.ZodType
      ? { 'application/json': { schema: jsonSchema(body, 'output', schemas) } }
      : Object.fromEntries(body.map((type) => [type.split(';')[0], { schema: { type: 'string' } }]))
  const problem = jsonSchema(answers.problem, 'output', schemas)
  const unhealthy = operation.unhealthy && {
    anyOf: [jsonSchema(operation.unhealthy, 'output', schemas), problem],
  }
  return {
    [status]: {
      description: status === 201 ? 'Created.' : 'Done.',
      ...(has.writes && {
        headers: {
          'Idempotency-Replayed': {
            description:
              '`true`: this is the first answer to the key again. A repeated refusal has this header, too.',
            schema: { type: 'string', enum: ['true'] },
          },
        },
      }),
      content,
    },
    ...failures(operation, has, { problem, unhealthy }, examples),
  }
}

/** A Zod schema as JSON Schema. A schema with an id is added to the components. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', components: Json): Json {
  const whole = z.toJSONSchema(z.object({ it: schema }), {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Zod's patterns for dates and UUIDs repeat what `format` says.
      if (jsonSchema.format || jsonSchema.type === 'integer') delete jsonSchema.pattern
      if (jsonSchema.type === 'integer' && jsonSchema.minimum === Number.MIN_SAFE_INTEGER) {
        delete jsonSchema.minimum
      }
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  const text = JSON.stringify(whole).replaceAll('#/$defs/', '#/components/schemas/')
  const { $defs, properties } = JSON.parse(text) as { $defs?: Json; properties: { it: Json } }
  for (const [name, definition] of Object.entries($defs ?? {})) {
    const { id: _, ...rest } = definition as Json
    components[name] = rest
  }
  return properties.it
}
