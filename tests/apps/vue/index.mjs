import { createSSRApp } from 'vue'
import { renderToString } from 'vue/server-renderer'

const app = createSSRApp({ data: () => ({ names: ['ana', 'bo'] }), template: '<b v-for="name in names">{{ name }}</b>' })
console.log('vue:', await renderToString(app))
