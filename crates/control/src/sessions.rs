//! Sessions: opened by `hello`, over when their connection is.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use engine::{Engine, EventsId, GroupId};
use protocol::{ErrorWord, HandOff, Hello, HelloReply, Id, MemoryRef, PROTOCOL_VERSION, reply_line};
use ring::{EventReader, Group};
use session::{Host, HostConfig, Memory, layout};

use crate::checks::{Refused, check_lead, check_name, refused, shortened, system};
use crate::core::Core;
use crate::faults::FaultMeter;
use crate::producer::{Producer, SpeedMeter};
use crate::stalls::LeadControl;

/// How memory is told of; with the descriptor that rides on the line.
pub(crate) fn hand_off(memory: &Memory, way: HandOff) -> Result<(MemoryRef, Option<OwnedFd>), Refused> {
    let fd = match way {
        HandOff::Scm => Some(memory.fd().try_clone_to_owned().map_err(system)?),
        HandOff::Path => None,
    };
    let path = memory.path().to_string_lossy().into_owned();
    Ok((MemoryRef { handoff: way, path, bytes: memory.bytes() as u64 }, fd))
}

/// The places of a session in the engine: those that it has, or new ones for its first voice.
pub(crate) fn take_places(
    engine: &mut Engine,
    producer: &mut Producer,
    now: u64,
) -> Result<(GroupId, EventsId), Refused> {
    if let Some(places) = producer.places {
        return Ok(places);
    }
    let full = |error: engine::AddError| refused(ErrorWord::ConnectionsFull, error.to_string());
    let group = Group::attach(producer.host.group());
    // The clock has stood since `hello`.
    group.store_clock(now, engine.main_stats().block_frames);
    let group = engine.add_group(group).map_err(full)?;
    let events = match engine.add_events(EventReader::attach(producer.host.events())) {
        Ok(events) => events,
        Err(error) => {
            engine.remove_group(group);
            return Err(full(error));
        }
    };
    Ok(*producer.places.insert((group, events)))
}

impl Core {
    /// `hello`.
    pub(crate) fn hello(&mut self, peer: u64, id: &Id, hello: Hello) -> Result<(), Refused> {
        if hello.protocol != PROTOCOL_VERSION || hello.layout != layout::LAYOUT_VERSION {
            let message = format!(
                "this daemon ({}) speaks protocol {PROTOCOL_VERSION} and layout {}, the program {} speaks {} and {}: update the older one (`forebay restart` replaces a daemon that still runs)",
                self.settings.version,
                layout::LAYOUT_VERSION,
                shortened(&hello.client),
                hello.protocol,
                hello.layout,
            );
            return Err(refused(ErrorWord::VersionMismatch, message));
        }
        check_name("client name", &hello.client)?;
        check_lead(hello.lead_ms)?;
        if self.peers.get(&peer).is_some_and(|peer| peer.session.is_some()) {
            return Err(refused(ErrorWord::HelloAgain, "this connection has a session already"));
        }
        let mut reply = self.introduce();
        if hello.handoff.is_empty() {
            self.send(peer, reply_line(id, &reply), None);
            return Ok(());
        }
        let way = if hello.handoff.contains(&HandOff::Scm) { HandOff::Scm } else { HandOff::Path };
        let session = self.open_session(peer, hello, way)?;
        let producer = &self.producers[&session];
        let handed = hand_off(producer.host.control(), way);
        if handed.is_err() {
            self.peers.entry(peer).and_modify(|peer| peer.session = None);
            self.producer_died(session);
        }
        let (control, fd) = handed?;
        let producer = &self.producers[&session];
        reply.session = session;
        reply.target_lead_ms = producer.lead.target_ms();
        reply.control = Some(control);
        self.send(peer, reply_line(id, &reply), fd);
        self.warn_newcomer(session);
        Ok(())
    }

    fn introduce(&self) -> HelloReply {
        let (config, main) = (self.engine.config(), self.engine.main_stats());
        HelloReply {
            protocol: PROTOCOL_VERSION,
            layout: layout::LAYOUT_VERSION,
            daemon: self.settings.version.clone(),
            pid: std::process::id(),
            session: 0,
            rate_hz: config.rate.hz(),
            channels: config.channels.get() as u32,
            crossfade_frames: config.crossfade_frames,
            block_frames: main.block_frames,
            target_lead_ms: LeadControl::new(self.settings.lead, config.rate, 0).target_ms(),
            control: None,
        }
    }

    fn open_session(&mut self, peer: u64, hello: Hello, way: HandOff) -> Result<u32, Refused> {
        if self.producers.len() >= self.settings.max_sessions {
            let message =
                format!("the daemon has {} sessions already: close one", self.settings.max_sessions);
            return Err(refused(ErrorWord::ConnectionsFull, message));
        }
        let session = self.free_session_number();
        let (rate, crossfade_frames) = (self.engine.config().rate, self.engine.config().crossfade_frames);
        let first = self.settings.first_position;
        let host =
            Host::new(HostConfig { session_id: session, rate, crossfade_frames, first }).map_err(system)?;
        let (now, main) = (self.now_frame(), self.engine.main_stats());
        // Until the Renderer's first look at this session: a start at "now" must not lie at frame 0.
        Group::attach(host.group()).store_clock(now, main.block_frames);
        let Some(peer_record) = self.peers.get_mut(&peer) else {
            return Err(refused(ErrorWord::Internal, "the connection is gone"));
        };
        peer_record.session = Some(session);
        let pid = if peer_record.pid == 0 { hello.pid.unwrap_or(0) } else { peer_record.pid };
        let producer = Producer {
            session,
            client: hello.client,
            pid,
            connection: Some(peer),
            way,
            host,
            places: None,
            lead: LeadControl::new(hello.lead_ms.unwrap_or(self.settings.lead), rate, now),
            voices: BTreeMap::new(),
            speed: SpeedMeter::default(),
            faults: FaultMeter::default(),
            corrupt: 0,
        };
        self.hooks.memory(&producer.host.control().region(), true);
        self.producers.insert(session, producer);
        Ok(session)
    }

    /// Numbers go up, so that a late word about an old session meets no new one; after 2^32 they begin anew.
    fn free_session_number(&mut self) -> u32 {
        loop {
            let number = self.next_session;
            self.next_session = self.next_session.wrapping_add(1).max(1);
            if !self.producers.contains_key(&number) {
                return number;
            }
        }
    }

    pub(crate) fn session_of(&self, peer: u64) -> Result<u32, Refused> {
        let session = self.peers.get(&peer).and_then(|peer| peer.session);
        session.ok_or_else(|| {
            refused(ErrorWord::HelloFirst, "say hello with a handoff first: voices need a session")
        })
    }

    /// A producer's connection is gone: what it wrote plays out, then its slots return.
    pub(crate) fn producer_died(&mut self, session: u32) {
        let Some(producer) = self.producers.get_mut(&session) else { return };
        producer.connection = None;
        let voices: Vec<_> = producer.voices.iter().map(|(slot, voice)| (*slot, voice.id)).collect();
        for (slot, id) in voices {
            let _left_already = self.engine.producer_gone(id);
            self.play_out(session, slot);
        }
        self.bury(session);
    }

    /// A producer is thrown out: its voices fade at once.
    pub(crate) fn producer_evicted(&mut self, session: u32) {
        let Some(producer) = self.producers.get_mut(&session) else { return };
        producer.connection = None;
        for slot in producer.voices.keys().copied().collect::<Vec<_>>() {
            self.let_go(session, slot);
        }
        self.bury(session);
    }

    /// Forgets a producer that is gone with all of its voices.
    pub(crate) fn bury(&mut self, session: u32) {
        if !self.producers.get(&session).is_some_and(Producer::is_over) {
            return;
        }
        if let Some(producer) = self.producers.remove(&session) {
            self.hooks.memory(&producer.host.control().region(), false);
            if let Some((group, events)) = producer.places {
                self.engine.remove_events(events);
                self.engine.remove_group(group);
            }
            // What travels back from the Renderer is freed at the next turn.
            self.stir();
        }
    }
}
