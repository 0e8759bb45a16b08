export const what = 'built'
