//! OSC 1.0 over UDP: the first number of a message is the value of its address.

use super::{Listener, TURN, Values};
use rosc::{OscMessage, OscPacket, OscType};
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// More than any datagram holds.
const LARGEST: usize = 65_536;
/// Bundles within bundles are taken to this depth.
const DEEPEST: usize = 8;

/// A UDP port that listens until it is dropped.
#[derive(Debug)]
pub struct OscPort {
    address: SocketAddr,
    _listener: Listener,
}

impl OscPort {
    /// Listens at `address`; `turn` gets the values of each datagram. What is no OSC is dropped.
    ///
    /// # Errors
    /// Where the port can't be had: another program has it, or it needs a permission.
    pub fn listen(address: SocketAddr, turn: impl Fn(&Values) + Send + 'static) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(TURN))?;
        let address = socket.local_addr()?;
        let mut bytes = vec![0; LARGEST];
        let listener = Listener::start("osc", move || {
            if let Ok(length) = socket.recv(&mut bytes)
                && let Ok((_, packet)) = rosc::decoder::decode_udp(&bytes[..length])
            {
                let mut values = Values::new();
                take(packet, DEEPEST, &mut values);
                turn(&values);
            }
            true
        })?;
        Ok(Self { address, _listener: listener })
    }

    /// Where it listens: with the port that was chosen where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn take(packet: OscPacket, depth: usize, values: &mut Values) {
    match packet {
        OscPacket::Message(message) => {
            if let Some(value) = number(&message) {
                values.insert(format!("osc:{}", message.addr), value);
            }
        }
        OscPacket::Bundle(bundle) if depth > 0 => {
            for packet in bundle.content {
                take(packet, depth - 1, values);
            }
        }
        OscPacket::Bundle(_) => {}
    }
}

/// A message without arguments is a bang: 1.
fn number(message: &OscMessage) -> Option<f64> {
    let Some(first) = message.args.first() else {
        return Some(1.0);
    };
    let value = match first {
        OscType::Float(x) => f64::from(*x),
        OscType::Double(x) => *x,
        OscType::Int(x) => f64::from(*x),
        OscType::Long(x) => *x as f64,
        OscType::Bool(x) => f64::from(u8::from(*x)),
        _ => return None,
    };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rosc::{OscBundle, OscTime, encoder};
    use std::sync::mpsc;

    fn message(addr: &str, args: Vec<OscType>) -> OscPacket {
        OscPacket::Message(OscMessage { addr: addr.into(), args })
    }

    // Numbers of every kind arrive, those of a bundle together; garbage and what is no number harm nobody.
    #[test]
    fn numbers_arrive() {
        let (tell, told) = mpsc::channel();
        let port = OscPort::listen("127.0.0.1:0".parse().unwrap(), move |values| {
            tell.send(values.clone()).unwrap();
        })
        .unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |bytes: &[u8]| assert!(socket.send_to(bytes, port.address()).is_ok());
        let content = vec![
            message("/a", vec![OscType::Float(0.5)]),
            message("/b", vec![OscType::Int(3), OscType::Float(9.0)]),
            message("/bang", vec![]),
            message("/text", vec![OscType::String("no".into())]),
            message("/nan", vec![OscType::Float(f32::NAN)]),
        ];
        let bundle = OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content });
        send(b"garbage");
        send(&encoder::encode(&bundle).unwrap());
        let expected = [("osc:/a", 0.5), ("osc:/b", 3.0), ("osc:/bang", 1.0)];
        let expected: Values = expected.map(|(key, value)| (key.to_owned(), value)).into();
        assert_eq!(told.recv().unwrap(), expected);
    }

    // A port that is taken is an error at once.
    #[test]
    fn a_port_that_is_taken() {
        let first = OscPort::listen("127.0.0.1:0".parse().unwrap(), |_| {}).unwrap();
        let error = OscPort::listen(first.address(), |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
