// Checks custom resources, as JSON on standard input, one a line, by the types that their makers publish. Says what is wrong
// and exits with 1. Kinds that it does not know are mistakes.

import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Middleware } from '@kubernetes-models/traefik/traefik.io/v1alpha1/Middleware';
import { text } from 'node:stream/consumers';

const known = [HTTPRoute, PrometheusRule, ServiceMonitor, Middleware];

for (const line of (await text(process.stdin)).split('\n').filter(Boolean)) {
  const object = JSON.parse(line);
  const name = `${object.apiVersion} ${object.kind}`;
  const type = known.find(({ apiVersion, kind }) => name === `${apiVersion} ${kind}`);
  try {
    if (!type) throw new Error('not known');
    new type(object).validate();
  } catch (error) {
    console.error(`${name} ${object.metadata?.name}: ${error.message}`);
    process.exitCode = 1;
  }
}
