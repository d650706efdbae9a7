import type { MiddlewareHandler, ValidationTargets } from 'hono'
import type { z } from 'zod'
import { ApiError, type ErrorCode } from '../lib/api-error.ts'
import { readJson } from './body.ts'
import type { Env } from './context.ts'

type Target = 'json' | 'query' | 'param'

type Validator<T extends Target, S extends z.ZodType> = MiddlewareHandler<
  Env,
  string,
  {
    in: { [K in T]: K extends 'json' ? z.input<S> : z.input<S> & ValidationTargets[T] }
    out: { [K in T]: z.output<S> }
  }
>

/** What a route expects, found on its middlewares by whoever documents or tests the routes. */
export const EXPECTS: unique symbol = Symbol('what this middleware expects of a request')

export interface Expectation {
  target: Target
  schema: z.ZodType
}

/** The JSON body, by the schema. An object without a field the schema does not know: write it with `z.strictObject`. */
export const json = <S extends z.ZodType>(schema: S) =>
  validator('json', schema, (c) => readJson(c))

/** The query string. A parameter given twice is a list, which no schema here takes. */
export const query = <S extends z.ZodType>(schema: S) =>
  validator('query', schema, (c) =>
    c.req.url.includes('?')
      ? Object.fromEntries(
          Object.entries(c.req.queries()).map(([name, all]) => [
            name,
            all.length === 1 ? all[0] : all,
          ]),
        )
      : {},
  )

/** The path's parameters. */
export const param = <S extends z.ZodType>(schema: S) =>
  validator('param', schema, (c) => c.req.param())

function validator<T extends Target, S extends z.ZodType>(
  target: T,
  schema: S,
  read: (c: Parameters<MiddlewareHandler<Env>>[0]) => unknown,
): Validator<T, S> {
  const validate: Validator<T, S> = (c, next) => {
    const proceed = (input: unknown) => {
      const parsed = schema.safeParse(input)
      if (!parsed.success) throw invalid(parsed.error.issues)
      c.req.addValidatedData(target, parsed.data as object)
      return next() as Promise<undefined>
    }
    const input = read(c)
    return input instanceof Promise ? input.then(proceed) : proceed(input)
  }
  return Object.assign(validate, { [EXPECTS]: { target, schema } satisfies Expectation })
}

function invalid(issues: readonly z.core.$ZodIssue[]): ApiError {
  const listed = issues.slice(0, 20).map((issue) => ({
    path: issue.path.join('.'),
    message: issue.message,
  }))
  const [first] = listed
  const where = first?.path ? `${first.path}: ` : ''
  return new ApiError(400, codeOf(issues[0]), `${where}${first?.message ?? 'Invalid.'}`, {
    details: { issues: listed },
  })
}

/** A field's schema may name a more telling code, in its refinement's `params`. */
function codeOf(issue: z.core.$ZodIssue | undefined): ErrorCode {
  const params = issue?.code === 'custom' ? issue.params : undefined
  return (params?.code as ErrorCode | undefined) ?? 'invalid_request'
}
