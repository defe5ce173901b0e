import { compatible, definePlugin, openaiClient } from '#provider'

/** Databricks model serving, at the workspace's address: DATABRICKS_HOST, or a base_url that ends in /serving-endpoints. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'databricks',
    title: 'Databricks',
    baseUrlVariable: {
      name: 'DATABRICKS_HOST',
      toBaseUrl: (host) => `${/^https?:/.test(host) ? '' : 'https://'}${host.replace(/\/+$/, '')}/serving-endpoints`,
    },
    keyVariable: 'DATABRICKS_TOKEN',
    modelsPath: false,
    operations: ['generate', 'embed'],
    options: { refuses: ['stream_options'] },
  }),
)
