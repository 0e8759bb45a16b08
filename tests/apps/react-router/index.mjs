import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { createStaticHandler, createStaticRouter, StaticRouterProvider, useLoaderData } from 'react-router'

const Page = () => createElement('h1', null, `hello ${useLoaderData().name}`)
const routes = [{ path: '/:name', loader: ({ params }) => ({ name: params.name }), Component: Page }]
const { query, dataRoutes } = createStaticHandler(routes)
const context = await query(new Request('http://localhost/ana'))
const router = createStaticRouter(dataRoutes, context)
console.log('react-router:', renderToString(createElement(StaticRouterProvider, { router, context, hydrate: false })))
