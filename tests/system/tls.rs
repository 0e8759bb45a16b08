//! TLS takes the right time: a certificate that was just made is not valid yet in 1970.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use boot::users::app::App;
use qemu::vm::Vm;
use shim::{arches::Arch, policy::Policy};
use tests::{Boot, free_port, run};

use crate::clock::{LONG_AGO, Says, Server, word};

/// A web server with a certificate that is valid from now on. It ends with the test.
struct Web {
    server: Child,
    port: u16,
    /// The certificate, as PEM.
    certificate: String,
}

impl Web {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [key, certificate] = ["key", "certificate"].map(|name| folder.path().join(name).display().to_string());
        // 10.0.2.2 leads to the host's loopback
        let name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:10.0.2.2"];
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        run("openssl", &[&new[..], &name, &["-keyout", &key, "-out", &certificate]].concat());
        let port = free_port();
        let mut server = Command::new("openssl");
        server.args(["s_server", "-www", "-quiet", "-accept", &format!("127.0.0.1:{port}")]);
        server.args(["-key", &key, "-cert", &certificate]).stdin(Stdio::null()).stdout(Stdio::null());
        let certificate = fs::read_to_string(&certificate).unwrap();
        let mut web = Self { server: server.spawn().unwrap(), port, certificate };
        // it has read both files before it listens
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(web.server.try_wait().unwrap().is_none(), "openssl s_server has ended");
            thread::sleep(Duration::from_millis(20));
        }
        web
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Asks the server at once. Whoever does not wait for the network may have to ask again.
fn asks(Web { port, certificate, .. }: &Web) -> String {
    format!(
        "const https = require('https'), ca = `{certificate}`
        let turn = 0
        const ask = () => https.get('https://10.0.2.2:{port}/', {{ ca, agent: false }}, (answer) => {{
            answer.resume()
            console.log('turn', ++turn, answer.statusCode, new Date().getFullYear() > 2000)
        }}).on('error', ({{ code }}) => {{
            console.log('turn', ++turn, code)
            if (/^E(NET|HOST)UNREACH/.test(code)) setTimeout(ask, 500)
        }})
        ask()
        setInterval(() => {{}}, 1000)"
    )
}

/// Without a battery, the clock begins at the date of this version, which is before the certificate's.
pub fn an_app_that_waits_for_the_time_uses_tls_in_its_first_line(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::start();
    fs::write(folder.path().join("index.js"), asks(&web)).unwrap();
    let boot = |policy: Policy, words: &str| -> Vm {
        let app = App { policy: Some(policy), ..App::from(folder.path().to_owned()) };
        Boot::on(arch).app(app).rtc(LONG_AGO).words(words).start()
    };
    // an app of a medium waits for both; a busy host may take longer than the 10 s of the default
    let servers = [Server::start(Says::Host(0))];
    let patient = Policy { wait_limit: Some(255), ..Policy::default() };
    let mut vm = boot(patient, &format!("unattended {}", word(&servers)));
    vm.expect("turn 1 200 true").unwrap();
    assert!(servers[0].asked() > 0);
    drop(vm);

    // the other side: it does not wait, and there is no time server
    let mut vm = boot(Policy::default(), "ntp=none");
    vm.expect(" CERT_NOT_YET_VALID").unwrap();
    assert!(!vm.transcript().contains(" 200 "), "{}", vm.transcript());
}
