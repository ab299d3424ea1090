//! A table with a generation per place, so that an old id is never taken for a new one.

/// Things in numbered places; the lowest free one is used first.
pub(super) struct Places<T> {
    places: Vec<Place<T>>,
    most: usize,
}

struct Place<T> {
    generation: u32,
    thing: Option<T>,
}

impl<T> Places<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { places: vec![], most }
    }

    /// Puts `thing` into the lowest free place: its number and generation.
    pub(super) fn take(&mut self, thing: T) -> Option<(u32, u32)> {
        let index = self.places.iter().position(|place| place.thing.is_none()).unwrap_or(self.places.len());
        if index >= self.most {
            return None;
        }
        if index == self.places.len() {
            self.places.push(Place { generation: 0, thing: None });
        }
        let place = &mut self.places[index];
        place.thing = Some(thing);
        Some((index as u32, place.generation))
    }

    /// Empties a place; ids of what was in it are worth nothing from now on.
    pub(super) fn free(&mut self, index: u32) -> Option<T> {
        let place = self.places.get_mut(index as usize)?;
        let thing = place.thing.take()?;
        place.generation = place.generation.wrapping_add(1);
        Some(thing)
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.thing.as_ref()
    }

    pub(super) fn get_exact(&self, index: u32, generation: u32) -> Option<&T> {
        let place = self.places.get(index as usize)?;
        place.thing.as_ref().filter(|_| place.generation == generation)
    }

    pub(super) fn get_exact_mut(&mut self, index: u32, generation: u32) -> Option<&mut T> {
        let place = self.places.get_mut(index as usize)?;
        place.thing.as_mut().filter(|_| place.generation == generation)
    }

    /// What is there, with place and generation, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(index, place)| Some((index as u32, place.generation, place.thing.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lowest free place is used first, and an id does not outlive what it named.
    #[test]
    fn reuse() {
        let mut places = Places::new(2);
        assert_eq!(places.take('a'), Some((0, 0)));
        assert_eq!(places.take('b'), Some((1, 0)));
        assert_eq!(places.take('c'), None);
        assert_eq!(places.free(0), Some('a'));
        assert_eq!(places.free(0), None);
        assert_eq!(places.take('c'), Some((0, 1)));
        assert_eq!(places.get_exact(0, 0), None);
        assert_eq!(places.get_exact(0, 1), Some(&'c'));
        assert_eq!(places.iter().count(), 2);
    }
}
