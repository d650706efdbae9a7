import { html, raw } from 'hono/html'

/** The parts of JSON Schema that the documents use. */
export interface JsonSchema {
  $ref?: string
  type?: string | string[]
  format?: string
  pattern?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  description?: string
  examples?: unknown[]
  anyOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
}

/** A schema as HTML: an object as a table of its fields, any other type in words. */
export function schemaView(schema: JsonSchema | undefined): unknown {
  if (!schema) return ''
  if (!schema.properties) {
    const options = schema.anyOf?.filter(({ properties }) => properties)
    if (!options?.length) return html`<p>${typeOf(schema)}</p>`
    return options.map((option, i) => html`${i > 0 ? html`<p>or</p>` : ''}${schemaView(option)}`)
  }
  const { properties, required = [] } = schema
  if (Object.keys(properties).length === 0) return html`<p>an empty object</p>`
  return html`<div class="wide"><table>${Object.entries(properties).map(
    ([name, field]) =>
      html`<tr><td><code>${name}</code>${required.includes(name) ? '' : html` <i>optional</i>`}<td>${typeOf(field)}<td>${remarks(field)}</tr>`,
  )}</table></div>`
}

/** Plain text in which `code` becomes a code element. */
export function prose(text: string): unknown {
  return text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))
}

function typeOf(schema: JsonSchema): unknown {
  const { $ref, type, anyOf, items, properties, format } = schema
  if ($ref) {
    const name = $ref.split('/').at(-1) ?? ''
    return html`<a href="#${name}">${name}</a>`
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (schema.enum) {
    return schema.enum.map((value, i) => html`${i > 0 ? ', ' : ''}<code>${String(value)}</code>`)
  }
  if (anyOf) return anyOf.map((one, i) => html`${i > 0 ? ' or ' : ''}${typeOf(one)}`)
  if (items) {
    return html`list of ${items.properties ? html`objects ${schemaView(items)}` : typeOf(items)}`
  }
  if (properties) return schemaView(schema)
  const name = [type ?? 'anything'].flat().join(' or ')
  return html`${name}${format ? ` (${format})` : ''}`
}

function remarks({ description, minimum, maximum, minLength, maxLength, ...schema }: JsonSchema) {
  const bounds = [
    minimum !== undefined && `at least ${minimum}`,
    maximum !== undefined && `at most ${maximum}`,
    minLength === 1 && 'not empty',
    maxLength !== undefined && `at most ${maxLength} characters`,
  ].filter((bound) => bound !== false)
  return [
    description ? prose(`${description} `) : '',
    schema.pattern ? html`<code>${schema.pattern}</code> ` : '',
    bounds.length > 0 ? `${bounds.join(', ')}. ` : '',
    schema.default !== undefined ? html`Default <code>${String(schema.default)}</code>.` : '',
  ]
}

/** A value as indented JSON. */
export function json(value: unknown): unknown {
  return html`<pre>${JSON.stringify(value, null, 2)}</pre>`
}

export const style = (text: string) => html`<style>${raw(text)}</style>`
