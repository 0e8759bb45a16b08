//! The other end of a machine's cable: DHCP servers and neighbours that a test controls. The codec of the messages is
//! `dhcproto`'s, so that two different people have read the RFCs.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use dhcproto::{
    Decodable, Decoder, Encodable,
    v4::{DhcpOption, Message, MessageType, Opcode, OptionCode},
};
use qemu::{machine::Wire, vm::DEADLINE};

use crate::frame::{self, Frame, Mac};

/// How a server treats a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It gives its address, and refuses others.
    Answers,
    /// It says nothing.
    Silent,
    /// It offers its address, and refuses everything that is asked for.
    Refuses,
}

/// A DHCP server for one client.
#[derive(Clone)]
pub struct Server {
    pub ip: Ipv4Addr,
    /// The address that it gives.
    pub gives: Ipv4Addr,
    /// Seconds.
    pub lease: u32,
    pub how: How,
    /// What else it says.
    pub options: Vec<DhcpOption>,
    /// Messages that it sends before each right one, made of that.
    pub lies: fn(&Message) -> Vec<Vec<u8>>,
}

impl Server {
    /// A server at 10.0.2.`last` that gives 10.0.2.`gives` for an hour, with itself as gateway and name server.
    #[must_use]
    pub fn new(last: u8, gives: u8) -> Self {
        let ip = Ipv4Addr::new(10, 0, 2, last);
        let options = vec![
            DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
            DhcpOption::Router(vec![ip]),
            DhcpOption::DomainNameServer(vec![ip]),
        ];
        let gives = Ipv4Addr::new(10, 0, 2, gives);
        Self { ip, gives, lease: 3600, how: How::Answers, options, lies: |_| Vec::new() }
    }

    fn mac(&self) -> Mac {
        let [a, b, c, d] = self.ip.octets();
        [2, 1, a, b, c, d]
    }

    /// Its answer, if it has one.
    fn answer(&self, asked: &Message, seen: &Seen) -> Option<Message> {
        let ours = seen.server.is_none_or(|server| server == self.ip);
        let gives = seen.wants.or(seen.has) == Some(self.gives);
        let kind = match seen.kind {
            _ if self.how == How::Silent => return None,
            MessageType::Discover => MessageType::Offer,
            MessageType::Request if !ours => return None,
            MessageType::Request if gives && self.how == How::Answers => MessageType::Ack,
            MessageType::Request => MessageType::Nak,
            _ => return None,
        };
        let mut message = Message::new_with_id(
            asked.xid(),
            asked.ciaddr(),
            if kind == MessageType::Nak { Ipv4Addr::UNSPECIFIED } else { self.gives },
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::UNSPECIFIED,
            asked.chaddr(),
        );
        message.set_opcode(Opcode::BootReply);
        let opts = message.opts_mut();
        opts.insert(DhcpOption::MessageType(kind));
        opts.insert(DhcpOption::ServerIdentifier(self.ip));
        if kind != MessageType::Nak {
            opts.insert(DhcpOption::AddressLeaseTime(self.lease));
            self.options.iter().for_each(|option| drop(opts.insert(option.clone())));
        }
        Some(message)
    }
}

/// The bytes of a message.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

/// A message of the machine.
#[derive(Clone, Debug)]
pub struct Seen {
    pub kind: MessageType,
    /// The address that the machine has.
    pub has: Option<Ipv4Addr>,
    /// The address that it asks for.
    pub wants: Option<Ipv4Addr>,
    /// The server whose offer it takes.
    pub server: Option<Ipv4Addr>,
    /// Where the message went.
    pub to: Ipv4Addr,
    pub at: Instant,
}

impl Seen {
    fn of(message: &Message, to: Ipv4Addr) -> Option<Self> {
        let opts = message.opts();
        let ip = |code| match opts.get(code)? {
            DhcpOption::RequestedIpAddress(ip) | DhcpOption::ServerIdentifier(ip) => Some(*ip),
            _ => None,
        };
        Some(Self {
            kind: opts.msg_type()?,
            has: Some(message.ciaddr()).filter(|ip| !ip.is_unspecified()),
            wants: ip(OptionCode::RequestedIpAddress),
            server: ip(OptionCode::ServerIdentifier),
            to,
            at: Instant::now(),
        })
    }
}

/// What is at the other end.
#[derive(Default)]
pub struct End {
    pub servers: Vec<Server>,
    /// Addresses that neighbours have.
    pub neighbours: Vec<Ipv4Addr>,
    /// All messages of the machine so far.
    pub seen: Vec<Seen>,
    /// The last message, which has the machine's name and what it asks for.
    pub last: Option<Message>,
}

/// A cable.
pub struct Cable {
    /// For the machine.
    pub wire: Wire,
    end: Arc<Mutex<End>>,
    socket: UnixDatagram,
    machine: PathBuf,
    _folder: tempfile::TempDir,
}

impl Cable {
    /// A cable to these servers. `number` is the last part of the card's MAC address.
    ///
    /// # Panics
    /// When the host has no room for its sockets.
    #[must_use]
    pub fn new(number: u8, servers: Vec<Server>) -> Self {
        let folder = tempfile::Builder::new().prefix("nodeos-wire-").tempdir().unwrap();
        let [machine, other] = ["machine", "other"].map(|name| folder.path().join(name));
        let socket = UnixDatagram::bind(&other).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let end = Arc::new(Mutex::new(End { servers, ..End::default() }));
        let (weak, ours, to) = (Arc::downgrade(&end), socket.try_clone().unwrap(), machine.clone());
        thread::spawn(move || serve(&weak, &ours, &to));
        let mac = format!("52:54:00:00:00:{number:02x}");
        let wire = Wire { machine: machine.clone(), other, mac, plugged: true };
        Self { wire, end, socket, machine, _folder: folder }
    }

    /// The card is not there at the start.
    #[must_use]
    pub fn unplugged(mut self) -> Self {
        self.wire.plugged = false;
        self
    }

    /// The end, to look at it or to change it.
    pub fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a frame to the machine.
    pub fn send(&self, frame: &[u8]) {
        let _ = self.socket.send_to(frame, &self.machine);
    }

    /// Sends the advertisement of a router.
    pub fn advertise(&self, prefix: Ipv6Addr, seconds: u32, servers: &[Ipv6Addr]) {
        self.send(&frame::advertisement([2, 2, 0, 0, 0, 1], prefix, seconds, servers));
    }

    /// Waits until a message is of that kind, from the `from`-th one on, and returns it with its number.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn expect(&self, from: usize, what: &str, wanted: impl Fn(&Seen) -> bool) -> (usize, Seen) {
        let start = Instant::now();
        loop {
            {
                let end = self.end();
                if let Some((at, seen)) = end.seen.iter().enumerate().skip(from).find(|(_, seen)| wanted(seen)) {
                    return (at, seen.clone());
                }
                assert!(start.elapsed() < DEADLINE, "the machine did not send {what}: {:#?}", end.seen);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Answers until the cable is dropped.
fn serve(end: &Weak<Mutex<End>>, socket: &UnixDatagram, machine: &PathBuf) {
    let mut room = [0; 4096];
    loop {
        let length = socket.recv(&mut room).unwrap_or(0);
        let Some(end) = end.upgrade() else { return };
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        let send = |frame: &[u8]| drop(socket.send_to(frame, machine));
        match frame::read(&room[..length]) {
            Some(Frame::WhoHas { asks, from, wanted }) if end.neighbours.contains(&wanted) => {
                send(&frame::has(([2, 3, 0, 0, 0, 1], wanted), (asks, from)));
            }
            Some(Frame::Dhcp { to, message }) => {
                let asked = Message::decode(&mut Decoder::new(message)).unwrap();
                let seen = Seen::of(&asked, to).unwrap();
                for server in &end.servers {
                    if let Some(answer) = server.answer(&asked, &seen) {
                        let client: Mac = asked.chaddr().try_into().unwrap();
                        let lies = (server.lies)(&answer);
                        for message in lies.iter().chain([&bytes(&answer)]) {
                            send(&frame::dhcp((server.mac(), server.ip), (client, answer.yiaddr()), message));
                        }
                    }
                }
                end.seen.push(seen);
                end.last = Some(asked);
            }
            _ => {}
        }
    }
}
