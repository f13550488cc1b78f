//! A small sorted map.

/// A map of a few dozen entries, sorted by key: keys lie beside each other, so a look-up costs one cache line or two where a
/// tree costs several. A swarm spends most of its time looking up neighbours.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K: Ord + Copy, V> Table<K, V> {
    pub(crate) fn new() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().and_then(|index| self.values.get(index))
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().and_then(|index| self.values.get_mut(index))
    }

    /// Puts in a value; gives back the one it replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.values[index], value)),
            Err(index) => {
                self.keys.insert(index, key);
                self.values.insert(index, value);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let index = self.place(key).ok()?;
        self.keys.remove(index);
        Some(self.values.remove(index))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.keys.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().zip(&self.values)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.keys.iter().zip(&mut self.values)
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.keys.binary_search(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_one_value_for_each_key_in_order() {
        let mut table = Table::new();
        assert!(table.is_empty());
        for key in [3, 1, 2] {
            assert_eq!(table.insert(key, key * 10), None);
        }
        assert_eq!(table.insert(2, 21), Some(20));
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &10), (&2, &21), (&3, &30)]);
        assert_eq!((table.remove(&1), table.remove(&1), table.len()), (Some(10), None, 2));
        assert!(table.contains_key(&3) && table.get(&1).is_none());
        table.values_mut().for_each(|value| *value += 1);
        assert_eq!(table.get_mut(&3), Some(&mut 31));
    }
}
