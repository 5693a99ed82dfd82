import "katex/dist/katex.min.css";
import "./style/base.css";
import "./style/layout.css";
import "./style/thread.css";
import "./style/composer.css";
import "./style/dialogs.css";
import "./style/prose.css";

import { render } from "preact";
import { watchConnection } from "./connection";
import { watchFiles } from "./incoming";
import { watchKeys } from "./keys";
import { load } from "./state";
import { App } from "./view/App";

watchFiles();
watchKeys();
watchConnection();
void load().then(() => render(<App />, document.querySelector("#page")!));
