import DefaultTheme from "vitepress/theme";
import type { Theme } from "vitepress";
import FrameExplorer from "./components/FrameExplorer.vue";
import "./custom.css";

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => void app.component("FrameExplorer", FrameExplorer),
} satisfies Theme;
