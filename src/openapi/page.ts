import { html, raw } from 'hono/html'

/** As much of the OpenAPI document as the page shows. */
interface Document {
  info: { title: string; version: string; summary: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  security: unknown[]
  parameters: { name: string; in: string; required?: boolean; description?: string }[]
  requestBody?: { content: Record<string, { schema: unknown }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8884; border-radius: 0.4rem }
details { border-top: 1px solid #8884; padding: 0.5rem 0 }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.2rem; font: 700 0.8rem ui-monospace, monospace }
summary span { opacity: 0.75 }
table { border-collapse: collapse; width: 100% }
td { vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; border-top: 1px solid #8882 }
`

/** The API's reference as one page that needs no script and no other server. */
export function docsPage(document: Document) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} ${document.info.version}: the API</title>
<style>${raw(STYLE)}</style>
<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${document.info.summary} For machines: <a href="/openapi.json">openapi.json</a>, and
<a href="/asyncapi.json">asyncapi.json</a> for the events.</p>
${document.tags.map(
  ({ name }) => html`<h2>${name}</h2>
${operations.filter(({ operation }) => operation.tags.includes(name)).map(section)}`,
)}
<h2>Schemas</h2>
${Object.entries(document.components.schemas).map(
  ([name, schema]) =>
    html`<details id="${name}"><summary><b>${name}</b></summary>${code(schema)}</details>`,
)}
</html>`
}

function section({
  path,
  method,
  operation,
}: {
  path: string
  method: string
  operation: Operation
}) {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  return html`<details id="${operation.operationId}">
<summary><b>${method.toUpperCase()}</b> <code>${path}</code> <span>${operation.summary}</span></summary>
<p>${operation.description ?? ''} ${operation.security.length === 0 ? 'Takes no token.' : ''}</p>
${
  operation.parameters.length > 0
    ? html`<table>${operation.parameters.map(
        (p) =>
          html`<tr><td><code>${p.name}</code><td>${p.in}${p.required ? ', required' : ''}<td>${p.description ?? ''}</tr>`,
      )}</table>`
    : ''
}
${body === undefined ? '' : html`<p>Body</p>${code(body)}`}
<table>${Object.entries(operation.responses).map(
    ([status, { description, content }]) =>
      html`<tr><td>${status}<td>${description.split('\n\n').map((line) => html`${line}<br>`)}${
        status < '300' ? code(Object.values(content ?? {})[0]?.schema) : ''
      }</tr>`,
  )}</table>
</details>`
}

const code = (schema: unknown) => html`<pre>${JSON.stringify(schema, null, 2)}</pre>`

export type { Document }
