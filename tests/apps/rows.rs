//! The packages. `quick` rows run in `./nodeos test`, the others in `./nodeos test apps`.

use shim::arches::Arch;

/// A package, and what its app does.
pub struct Row {
    /// The name of its test.
    pub name: &'static str,
    pub package: &'static str,
    /// For the page: what the app does with it.
    pub does: &'static str,
    /// What the app prints after the package's name.
    pub prints: &'static str,
    pub memory_mib: u32,
    /// Whether the app makes files beside its code.
    pub writable: bool,
    /// The state on all architectures, but for `only_on`.
    pub everywhere: State,
    /// An architecture with another state.
    pub except: Option<(&'static str, State)>,
}

/// What is true of a package now.
#[derive(Clone, Copy)]
pub enum State {
    Works,
    /// It prints its line; this is missing.
    Limited(&'static str),
    /// The machine cannot be built: this is the error, and this is the cause.
    Refused(&'static str, &'static str),
    /// This is on the console, and this is the cause.
    Fails(&'static str, &'static str),
}

impl Row {
    pub fn folder(&self) -> String {
        self.name.replace('_', "-")
    }

    pub fn line(&self) -> String {
        format!("{}: {}", self.package, self.prints)
    }

    pub fn state(&self, arch: &Arch) -> State {
        match self.except {
            Some((name, state)) if name == arch.name => state,
            _ => self.everywhere,
        }
    }

    const fn memory(self, memory_mib: u32) -> Self {
        Self { memory_mib, ..self }
    }

    const fn writable(self) -> Self {
        Self { writable: true, ..self }
    }

    const fn except(self, arch: &'static str, state: State) -> Self {
        Self { except: Some((arch, state)), ..self }
    }

    /// Its install script compiles native code, for the machine that builds: the tests build on x86_64.
    const fn compiled(self) -> Self {
        self.except(
            "aarch64",
            State::Refused(
                "node-gyp compiles for x86_64 alone",
                "its install script compiles for the machine that builds, here x86_64",
            ),
        )
    }

    const fn is(self, everywhere: State) -> Self {
        Self { everywhere, ..self }
    }
}

const fn row(package: &'static str, does: &'static str, prints: &'static str) -> Row {
    let (everywhere, except) = (State::Works, None);
    Row { name: "", package, does, prints, memory_mib: 512, writable: false, everywhere, except }
}

/// Makes `ROWS` and a test of each row for every architecture.
macro_rules! rows {
    (@quick $($quick:ident: $quick_row:expr;)+ @more $($more:ident: $more_row:expr;)+) => {
        pub const ROWS: &[Row] = &[
            $(Row { name: stringify!($quick), ..$quick_row },)+
            $(Row { name: stringify!($more), ..$more_row },)+
        ];

        mod quick {
            tests::on_each! { $($quick => crate::run::runs, stringify!($quick);)+ }
        }

        mod more {
            tests::on_each! { $($more => crate::run::runs, stringify!($more);)+ }
        }
    };
}

// quick: native code first, because it depends most on the machine, and small installs
rows! {
    @quick
    sharp: row("sharp", "makes, resizes and reads a PNG", "8x8 png");
    esbuild: row("esbuild", "compiles TypeScript, in a program of its own", "const one=1;console.log(2);");
    argon2: row("argon2", "hashes a password", "true false");
    bcrypt: row("bcrypt", "hashes a password", "true false");
    bufferutil: row("bufferutil", "masks a frame of a WebSocket", "254 2 252")
        .except("aarch64", State::Fails("No native build was found",
            "its package has no native code for aarch64, and its install script would compile it"));
    lmdb: row("lmdb", "writes and reads a database", "42 1");
    parcel_watcher: row("@parcel/watcher", "sees a new file", "create /tmp/watched/new");
    serialport: row("serialport", "opens a port that is not there",
        "Error: No such file or directory, cannot open /dev/ttyUSB0");
    express: row("express", "answers with JSON", r#"{"hello":"ana"}"#);
    tsx: row("tsx", "runs TypeScript that needs a compiler", "1 red");
    napi_rs_canvas: row("@napi-rs/canvas", "draws and encodes a PNG", "PNG 255 0 0 255");
    rollup: row("rollup", "bundles two modules", "const two = 2;  console.log(two);");
    @more
    node_rs_bcrypt: row("@node-rs/bcrypt", "hashes a password", "true false");
    usb: row("usb", "lists the devices", "0 devices").is(State::Fails(
        "/sys/bus/usb/devices/ not found",
        "it looks for devices in `/sys`, which a user does not have",
    ));
    swc_core: row("@swc/core", "compiles TypeScript", "const one = 1;");
    lightningcss: row("lightningcss", "minifies CSS", "a{color:red}");
    vite: row("vite", "builds a page", "true true");
    better_sqlite3: row("better-sqlite3", "writes and reads a database", "42").compiled();
    sqlite3: row("sqlite3", "reads a database", "42").compiled();
    node_pty: row("node-pty", "runs node in a terminal", "true 91 0").compiled();
    re2: row("re2", "replaces with a regular expression", "a-b false").compiled();
    isolated_vm: row("isolated-vm", "runs code in an isolate", "42 undefined")
        .is(State::Refused("gyp ERR! build error", "Debian 12's g++ does not compile it")).compiled();
    fastify: row("fastify", "checks a parameter with a schema", r#"{"is":42} 400"#);
    koa: row("koa", "answers through two middlewares", r#"{"path":"/a"} yes"#);
    hono: row("hono", "answers with JSON", r#"{"hello":"ana"}"#);
    nest: row("@nestjs/core", "answers from a controller with a service", "hello from a service");
    next: row("next", "builds a site, then renders a page", "<h1>hello ana</h1>").memory(2048).writable();
    react_router: row("react-router", "renders a route with its data", "<h1>hello ana</h1>");
    vue: row("vue", "renders a template", "<!--[--><b>ana</b><b>bo</b><!--]-->");
    socket_io: row("socket.io", "answers a client", "42 true");
    ws: row("ws", "answers a client", "got hello");
    prisma: row("prisma", "generates a client, writes and reads SQLite",
        r#"[{"id":1,"name":"ana"}]"#).memory(1024).writable();
    typeorm: row("typeorm", "writes and reads SQLite, with sql.js", r#"[{"id":1,"name":"ana"}]"#);
    drizzle: row("drizzle-orm", "writes and reads SQLite, with libsql", r#"[{"id":2,"name":"bo"}]"#);
    pino: row("pino", "logs to a file, in a thread", r#"{"level":30,"who":"ana","msg":"hello"}"#);
    winston: row("winston", "logs to a file", r#"{"level":"info","message":"hello","who":"ana"}"#);
    bullmq: row("bullmq", "connects to a Redis that is not there", "ECONNREFUSED")
        .is(State::Limited("a queue needs a Redis on another machine"));
    node_cron: row("node-cron", "runs a job each second", "2 false");
    multer: row("multer", "stores an upload", "a.txt text ana");
    nodemailer: row("nodemailer", "composes a mail", "ana@a.example bo@b.example hello");
    axios: row("axios", "posts to a server", "POST /a?b=c+d");
    undici: row("undici", "asks a server with a pool", "/a /b /c");
    grpc_js: row("@grpc/grpc-js", "calls a service", "hello ana");
    graphql: row("graphql", "answers a query", r#"{"data":{"double":42}}"#);
    ejs: row("ejs", "renders a template", "<b>ana</b><b>&lt;bo&gt;</b>");
    puppeteer_core: row("puppeteer-core", "looks for a browser",
        "Browser was not found at the configured executablePath (/usr/bin/chromium)")
        .is(State::Limited("a machine has no browser; one on another machine can be used with `connect`"));
    pm2: row("pm2", "starts a job and lists it", "job online hello from a job");
    vitest: row("vitest", "runs two tests", "adds passed, compares passed").memory(1024);
    mocha: row("mocha", "runs two tests", "2 0");
}
