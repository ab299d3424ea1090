// The system.

export const platform = () => 'linux';

export default { platform };
