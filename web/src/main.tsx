import { render } from "preact";
import { App } from "./app";
import "./style.css";

const root = document.getElementById("beamloom");
if (root) render(<App />, root);
