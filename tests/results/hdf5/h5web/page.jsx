// h5web as a page of another origin: ?url= is the reducer, ?path= what is shown first.
import '@h5web/app/styles.css';

import { App, createBasicFetcher, HsdsProvider } from '@h5web/app';
import React from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
const fetcher = createBasicFetcher();

createRoot(document.querySelector('#root')).render(
  <HsdsProvider url={query.get('url')} filepath={query.get('domain') ?? '/'} fetcher={fetcher}>
    <App initialPath={query.get('path') ?? '/'} />
  </HsdsProvider>,
);
