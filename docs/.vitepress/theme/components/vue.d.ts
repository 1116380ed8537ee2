// What a Vue component is to TypeScript, which does not read the files.

declare module "*.vue" {
  import type { Component } from "vue";
  const component: Component;
  export default component;
}
