// Published servers from npm, and how they are started so that no call of theirs needs a network.

import { join } from 'node:path';
import { modernNode, packageFolder } from './programs.js';

const closedPort = 'http://127.0.0.1:9';

// `entry` is the program inside the package, `tools` how many it lists, `calls` what is called.
export function published(folder) {
  const files = join(folder, 'files');
  return {
    everything: {
      entry: '@modelcontextprotocol/server-everything/dist/index.js',
      calls: [['echo', { message: 'round trip' }], ['get-structured-content', { location: 'Chicago' }]],
    },
    filesystem: {
      entry: '@modelcontextprotocol/server-filesystem/dist/index.js', args: [files],
      calls: [['read_text_file', { path: join(files, 'note.txt') }], ['list_directory', { path: '/' }]],
    },
    memory: {
      entry: '@modelcontextprotocol/server-memory/dist/index.js',
      env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') },
      calls: [['search_nodes', { query: 'toolgate' }]],
    },
    thinking: {
      entry: '@modelcontextprotocol/server-sequential-thinking/dist/index.js',
      calls: [['sequentialthinking', { thought: 'one', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 }]],
    },
    playwright: {
      entry: '@playwright/mcp/cli.js', args: ['--executable-path', '/nonexistent/browser'],
      calls: [['browser_tabs', { action: 'list' }]],
    },
    chrome: {
      entry: 'chrome-devtools-mcp/build/src/bin/chrome-devtools-mcp.js',
      args: ['--executablePath', '/nonexistent/browser', '--no-usage-statistics'],
      calls: [['list_pages', {}]],
    },
    context7: {
      entry: '@upstash/context7-mcp/dist/index.js',
      calls: [['resolve-library-id', { query: 'json', libraryName: 'boost' }]],
    },
    mongodb: { entry: 'mongodb-mcp-server/dist/esm/index.js', calls: [['list-connections', {}]] },
    notion: {
      entry: '@notionhq/notion-mcp-server/bin/cli.mjs', env: { NOTION_TOKEN: 'ntn_not_a_token' },
      calls: [['API-get-self', {}]],
    },
    tavily: {
      entry: 'tavily-mcp/build/index.js', env: { TAVILY_API_KEY: 'not-a-key' },
      calls: [['tavily_search', { query: 'toolgate' }]],
    },
    firecrawl: {
      entry: 'firecrawl-mcp/dist/index.js', env: { FIRECRAWL_API_KEY: 'not-a-key', FIRECRAWL_API_URL: closedPort },
      calls: [['firecrawl_search', { query: 'toolgate' }]],
    },
    sentry: {
      entry: '@sentry/mcp-server/dist/index.js', args: ['--access-token=not-a-token'],
      calls: [['search_sentry_tools', { query: 'issue' }]],
    },
  };
}

export function parameters({ entry, args = [], env = {} }, folder) {
  return {
    command: modernNode,
    args: [join(packageFolder(''), entry), ...args],
    env: {
      PATH: process.env.PATH, HOME: join(folder, 'home'), HTTP_PROXY: closedPort, HTTPS_PROXY: closedPort,
      CONTEXT7_API_URL: closedPort, DO_NOT_TRACK: '1', ...env,
    },
  };
}
