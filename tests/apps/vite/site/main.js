import { what } from './part.js'

document.title = what
